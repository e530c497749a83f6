"""Addresses of links."""

from pangea_cultural.utils.pages import item_address, web_address


def test_addresses_are_those_of_wikidata_for_ids_only():
    assert item_address("Q42") == "https://www.wikidata.org/wiki/Q42"
    assert item_address("P17") == "https://www.wikidata.org/wiki/Property:P17"
    assert [item_address(name) for name in ("label", "P17/P36", "Q", "Q4\u0662", "local:1")] == [""] * 5


def test_only_web_addresses_are_links():
    assert web_address("https://a.test/x") == "https://a.test/x"
    assert [web_address(url) for url in ("javascript:alert(1)", "data:text/html,x", "//a.test", "http://[", "")] == [
        ""
    ] * 5
