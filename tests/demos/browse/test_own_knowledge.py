"""The data set browser with own knowledge: facts in the row's language, and no links to Wikidata for own ids."""

import lxml.html
import pytest

from demos.browse import card, facts
from demos.browse.rows import Rows
from pangea_cultural.dataset.export import Export
from tests.factory.knowledge import dishes
from tests.helpers import world


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dishes")
    world.build(dishes.write(folder / "in"), folder / "out")
    return folder / "out"


def test_a_row_has_its_facts_in_its_language_and_no_link_to_wikidata(workspace):
    rows = Rows(Export.open(workspace / "exports/dishes"))
    chosen = {"language": "es", "text": "x:dish_1"}
    row = next(row for row in rows.page(chosen, start=0, number=100) if row["entity"] == "x:dish_1")
    known = facts.read(workspace / "store.duckdb", row["entity"], row["language"])
    assert [name["text"] for name in known.names] == ["Plato 1", "Dish 1"]
    assert {claim["label"] for claim in known.claims if claim["property"] == "eaten_at"} == {"cena"}
    document = lxml.html.fromstring(card.render(row, credit=rows.credit(row["image"]), facts=known, marks=[]))
    text = document.text_content()
    assert "x:dish_1" in text and "eaten_at" in text and "A. Cook" in text
    links = document.xpath("//a/@href")
    assert {link for link in links if "wikidata.org" in link} == {"https://www.wikidata.org/wiki/Property:P18"}
