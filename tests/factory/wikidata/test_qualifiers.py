"""Qualifiers that limit statements, in the forms that real documents have."""

import pytest

from factory.wikidata import qualifiers
from factory.wikidata.entity import read_entity
from tests.helpers.wikibase import item, quantity, time


def snak(datavalue):
    if isinstance(datavalue, str):
        return {"snaktype": datavalue}
    return {"snaktype": "value", "datavalue": datavalue}


def year(text):
    return time(f"{text}-00-00T00:00:00Z", 9)


def limit(name="P131", rank="normal", as_of=2026, **values):
    snaks = {key: [snak(value)] for key, value in values.items()}
    return qualifiers.limit(name, rank, snaks, as_of)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({}, ""),
        ({"P580": year("+1950")}, ""),
        ({"P582": year("+1974")}, "ended"),
        ({"P582": "somevalue"}, "ended"),
        ({"P582": "novalue"}, ""),
        ({"P582": year("-0044")}, "ended"),
        ({"P582": year("+2030")}, ""),
        ({"P576": year("+1990")}, "ended"),
        ({"P2669": year("+1990")}, "ended"),
        ({"P1366": item("Q727")}, "ended"),
        ({"P1534": item("Q7375047")}, "ended"),
        ({"P580": year("+2030")}, "not started"),
        ({"P518": item("Q25")}, "part"),
        ({"P1107": quantity("+0.12")}, "part"),
        ({"P642": item("Q23505")}, "part"),
        ({"P1013": item("Q25")}, "part"),
        ({"P3831": item("Q134390")}, "part"),
        ({"P2868": item("Q25")}, "part"),
        ({"P1001": item("Q25")}, "part"),
        ({"P31": item("Q25")}, ""),
        ({"P1480": item("Q5727902")}, "uncertain"),
        ({"P1319": year("+1210")}, "uncertain"),
        ({"P1326": year("+1250")}, "uncertain"),
        ({"P1310": item("Q574386")}, "uncertain"),
        ({"P5102": item("Q18122778")}, "uncertain"),
        ({"P5102": item("Q29509043")}, ""),
        ({"P585": year("+1829")}, "other time"),
        ({"P1264": item("Q16999180")}, "other time"),
        ({"P459": item("Q791801")}, ""),
        ({"P7452": item("Q71536040")}, ""),
        ({"P582": year("+1974"), "P518": item("Q25")}, "part"),
    ],
)
def test_limits(values, expected):
    assert limit(**values) == expected
    assert expected in ("", *qualifiers.WORDS)


def test_the_preferred_statement_is_that_of_today_whatever_period_it_is_valid_in():
    assert limit("P36", "preferred", P1264=item("Q58296")) == ""
    assert limit("P36", "normal", P1264=item("Q58296")) == "other time"


def test_the_kind_of_a_date_limits_it():
    assert limit("P571", P31=item("Q3331189")) == "part"


def test_the_day_of_an_award_or_a_listing_is_not_another_time():
    assert limit("P1435", P585=year("+1985")) == limit("P166", P585=year("+1985")) == ""


@pytest.mark.parametrize("broken", [None, [], "text", {"P582": "text"}, {"P582": [None]}, {"P582": [{}]}])
def test_malformed_qualifiers_do_not_fail(broken):
    assert qualifiers.limit("P131", "normal", broken, 2026) in ("", "ended")


def test_a_claim_knows_its_limit():
    statement = {"type": "statement", "rank": "normal", "mainsnak": snak(item("Q183"))}
    ended = statement | {"qualifiers": {"P582": [snak(year("+1990"))]}}
    document = {"id": "Q1", "claims": {"P17": [ended, statement | {"mainsnak": snak(item("Q36"))}]}}
    entity = read_entity(document, as_of=2026)
    assert [(claim.value, claim.qualified) for claim in entity.claims] == [("Q183", "ended"), ("Q36", "")]
    assert entity.current("P17") == ["Q36"]
    assert entity.best("P17") == ["Q183", "Q36"]
