"""Selection of entities: regions of selected ones, reasons to reject others."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from factory.entities.base import DocumentLine
from factory.entities.entity_rows import EntityRowsBuilder
from factory.entities.selector import Selector
from factory.recipe import Recipe
from pangea_cultural.reference import regions
from tests.helpers.world import item, labels, snak, text, year

RECIPE = {
    "name": "r",
    "regions": ["japan", "france"],
    "languages": ["en"],
    "properties": ["P571", "P19"],
    "sources": [{"type": "dump", "path": "d"}],
}


def selector(**fields):
    return Selector(Recipe.model_validate(RECIPE | fields).scope)


def document(**claims):
    return {"type": "item", "id": "Q900", "labels": labels(en="thing"), "claims": claims}


def castle(**claims):
    return document(**{"P17": [item("Q17")], "P571": [year(1600)], "P18": [text("a.jpg")]} | claims)


def outcome(selector, document):
    """Return the regions of a document, or the reason to reject it."""
    builder = EntityRowsBuilder("source")
    selector.add(DocumentLine(1, document), builder)
    rows = builder.build()
    if rows.entities():
        links = rows.tables.get("entity_region")
        return links["region"].to_pylist() if links else []
    return next(rejection.reason for rejection in rows.rejections)


def test_claim_links_an_entity_to_a_region():
    assert outcome(selector(), castle()) == ["japan"]
    assert outcome(selector(), castle(P17=[item("Q142"), item("Q17")])) == ["france", "japan"]
    assert outcome(selector(), castle(P17=[], P495=[item("Q142")])) == ["france"]


def test_deprecated_links_do_not_count():
    assert outcome(selector(), castle(P17=[item("Q17", "deprecated")])) == "no link to a region"
    assert outcome(selector(), castle(P17=[item("Q17"), item("Q142", "preferred")])) == ["france"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"P18": []}, "no image named"),
        ({"P18": [], "P41": [text("flag.svg")]}, "no image named"),
        ({"P571": []}, "no property to ask about"),
        ({"P31": [item("Q13406463")]}, "not culture: page of a Wikimedia project"),
        ({"P31": [item("Q41710")]}, "not culture: ethnic group or people"),
        ({"P31": [item("Q34770")]}, "not culture: language"),
        ({"P31": [item("Q27971968")]}, "not culture: constituency"),
        ({"P31": [item("Q1007356")]}, "not culture: election"),
        ({"P31": [item("Q2467461")]}, "not culture: department of an institution"),
        ({"P31": [item("Q2352616")]}, "not culture: catalog or database"),
        ({"P31": [], "P279": [item("Q23413")]}, "not culture: class"),
        ({"P31": [item("Q16970")], "P279": [item("Q44613")]}, "not culture: class"),
    ],
)
def test_rejection_has_a_reason(change, reason):
    assert outcome(selector(), castle(**change)) == reason


@pytest.mark.parametrize("classes", [{"P31": [item("Q6465")]}, {"P31": [item("Q746549")]}, {"P279": [item("Q34379")]}])
def test_french_departments_dishes_and_instruments_are_no_refused_classes(classes):
    assert outcome(selector(), castle(**classes)) == ["japan"]


def test_a_region_is_not_asked_about_itself():
    country = document(P31=[item("Q6256")], P17=[item("Q17")], P18=[text("a.jpg")], P571=[year(1600)])
    assert outcome(selector(), country | {"id": "Q17"}) == "the entity is the region itself"
    assert outcome(selector(), country | {"id": "Q132"}) == ["japan"]


def until(target, end, **others):
    """Return a statement with an end time."""
    return item(target) | {"qualifiers": {"P582": [year(end)["mainsnak"]], **others}}


def test_a_country_of_the_past_does_not_link():
    past = castle(P17=[until("Q142", 1902), item("Q17")])
    assert outcome(selector(), past) == ["japan"]
    assert outcome(selector(), castle(P17=[until("Q142", 1902)])) == "link to a region has ended"
    assert outcome(selector(), castle(P17=[until("Q142", 2099)])) == ["france"], "a lease until 2099"
    assert outcome(selector(), castle(P17=[], P27=[until("Q142", 1902)])) == ["france"], "a citizen of then"


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"P569": [year(2012)]}, "person who can be a minor"),
        ({"P569": [year(2008)]}, "person who can be a minor"),
        ({"P569": [year(2007)]}, ["japan"]),
        ({"P569": [year(2012)], "P570": [year(2020)]}, ["japan"]),
        ({"P569": [year(2012) | {"rank": "deprecated"}]}, ["japan"]),
    ],
)
def test_minors_are_rejected(claims, reason):
    person = document(P31=[item("Q5")], P27=[item("Q17")], P18=[text("a.jpg")], P19=[item("Q1490")], **claims)
    assert outcome(selector(as_of=2026), person) == reason


def test_category_counts_as_an_image():
    assert outcome(selector(), castle(P18=[], P373=[text("Castles")])) == ["japan"]


def test_historic_state_of_several_regions_is_a_reason_to_reject():
    state = next(iter(regions.ambiguous_states()))
    assert "historic state of several regions" in outcome(selector(), castle(P17=[item(state)]))
    assert outcome(selector(), castle(P17=[item(state), item("Q17")])) == ["japan"]


def test_only_people_without_citizenship_wait_for_their_birthplace():
    person = {"P31": [item("Q5")], "P19": [item("Q1490")], "P18": [text("a.jpg")]}
    assert outcome(selector(), document(**person, P27=[item("Q142")])) == ["france"]
    assert outcome(selector(), document(**person, P27=[item("Q30")])) == "no link to a region"
    assert outcome(selector(), document(**person)) == [], "selected without a region"
    assert outcome(selector(), document(**person, P27=[item("Q15180")])) == [], "the Soviet Union is not one region"
    assert outcome(selector(), document(**person, P27=[item("Q15180"), item("Q142")])) == ["france"]
    assert "Soviet Union" in outcome(selector(), document(**person, P27=[item("Q15180"), item("Q30")]))


SNAKS = st.one_of(
    st.sampled_from(["Q17", "Q142", "Q30", "Q5"]).map(lambda q: snak("wikibase-entityid", {"id": q})),
    st.sampled_from([17, 142, 30]).map(lambda n: snak("wikibase-entityid", {"entity-type": "item", "numeric-id": n})),
    st.text(max_size=5).map(lambda value: snak("string", value)),
)
STATEMENTS = st.lists(
    st.builds(
        lambda main, rank: {"mainsnak": main, "rank": rank, "type": "statement"},
        SNAKS,
        st.sampled_from(["normal", "preferred", "deprecated"]),
    ),
    max_size=3,
)


@settings(deadline=None)  # the machine may be busy
@given(
    claims=st.dictionaries(st.sampled_from(["P17", "P495", "P27", "P19", "P31", "P571"]), STATEMENTS),
    indent=st.booleans(),
)
def test_skipped_line_has_no_link_to_a_region(claims, indent):
    optional = selector()
    text = orjson.dumps(document(**claims), option=orjson.OPT_INDENT_2 if indent else 0)
    if not optional.is_candidate(text):
        assert outcome(optional, orjson.loads(text)) == "no link to a region"
