import io
import itertools
import tomllib
from collections import Counter
from pathlib import Path

import numpy as np
import orjson
import pytest
from PIL import Image

import factory.sample
from factory.images.sources.drawings import DrawingsSource
from factory.sample.builder import build, cldr_names, draw_flags, draw_landmarks
from factory.wikidata import entity
from pangea_cultural.reference.languages import languages, training_languages
from pangea_cultural.reference.regions import region, regions

FOLDER = Path(factory.sample.__file__).parent
NATIONAL_FLAG = "Q186516"


@pytest.fixture(scope="module")
def documents():
    return {d["id"]: d for d in map(orjson.loads, (FOLDER / "entities.jsonl").read_bytes().splitlines())}


@pytest.fixture(scope="module")
def entities(documents):
    return {qid: entity.read_entity(document) for qid, document in documents.items()}


@pytest.fixture(scope="module")
def drawings():
    return DrawingsSource(FOLDER / "drawings.jsonl", seed=0)


@pytest.fixture(scope="module")
def decisions():
    return tomllib.loads((FOLDER / "builder/decisions.toml").read_text("utf-8"))


def rows():
    return [orjson.loads(line) for line in (FOLDER / "drawings.jsonl").read_bytes().splitlines()]


def flags(entities):
    return {qid: e for qid, e in entities.items() if e.best("P31") == [NATIONAL_FLAG]}


def statements(document):
    return itertools.chain.from_iterable(document["claims"].values())


def test_documents_have_the_structure_of_wikidata(documents):
    assert len(documents) == len((FOLDER / "entities.jsonl").read_bytes().splitlines()), "ids are unique"
    for qid, document in documents.items():
        assert document["type"] == "item" and entity.values.ITEM.fullmatch(qid)
        assert all(code == label["language"] and label["value"].strip() for code, label in document["labels"].items())
        for name, listed in document["claims"].items():
            assert all(s["mainsnak"]["property"] == name and s["type"] == "statement" for s in listed)
    ids = [s["id"] for document in documents.values() for s in statements(document)]
    assert len(set(ids)) == len(ids)


def test_reading_drops_only_unknown_values(entities):
    dropped = {(e.id, name, reason) for e in entities.values() for name, reason in e.dropped}
    assert dropped == {("Q160525", "P495", "somevalue"), ("Q46383", "P61", "somevalue")}


def test_every_region_has_a_country_and_a_flag(entities):
    countries = {row.qid for row in regions().values()}
    assert countries <= entities.keys()
    assert {e.best("P17")[0] for e in flags(entities).values()} == countries
    assert len(flags(entities)) == len(countries) == 42


def test_every_referenced_item_has_a_label(entities):
    for e in entities.values():
        for claim in e.claims:
            if claim.value_type == "item":
                assert "en" in entities[claim.value].labels, claim


def test_every_image_and_category_has_drawings(entities, drawings):
    imaged = [e for e in entities.values() if e.best("P18")]
    assert len(imaged) == 42 + 47
    for e in imaged:
        (title,), (category,) = e.best("P18"), e.best("P373")
        assert drawings.metadata([title])
        files = drawings.files_in_category(category)
        views = 44 if e.id in flags(entities) else 24 if e.id in draw_landmarks.DRAWINGS else 28
        assert title == files[0] and len(files) == views
        for info in drawings.metadata(files).values():
            given = info.attribution
            assert given.author and given.license and given.license_url and given.source


def test_openmoji_flags_have_a_separate_category(drawings, entities):
    openmoji = set(drawings.files_in_category("Flags drawn by OpenMoji"))
    assert len(openmoji) == 42 * 4
    for e in flags(entities).values():
        files, openmoji_files = (drawings.files_in_category(e.best("P373")[0])[a:b] for a, b in ((0, 40), (40, 44)))
        assert not openmoji & set(files) and openmoji >= set(openmoji_files)


def test_every_drawing_can_be_drawn(drawings):
    for row in rows():
        image = Image.open(io.BytesIO(drawings.draw(f"{row['name']} (view 01).png")))
        assert max(image.size) == 144


def test_flags_differ_from_each_other(drawings, entities):
    small = {}
    for e in flags(entities).values():
        image = Image.open(io.BytesIO(drawings.draw(e.best("P18")[0]))).resize((24, 16))
        small[e.labels["en"]] = np.asarray(image, dtype=float)
    for (a, first), (b, second) in itertools.combinations(small.items(), 2):
        assert np.abs(first - second).mean() > 3, f"{a} and {b} look alike"


def test_committed_files_equal_the_output_of_the_builder(decisions):
    assert rows() == list(build.drawings(decisions))
    assert {path.stem: path.read_text("utf-8") for path in (FOLDER / "flags").glob("*.svg")} == draw_flags.designs()
    drawn = {path.stem: path.read_text("utf-8") for path in (FOLDER / "landmarks").glob("*.svg")}
    assert drawn == draw_landmarks.designs()


def test_every_decision_is_in_the_documents(decisions, entities):
    assert decisions["objects"].keys() <= entities.keys()
    for qid, row in decisions["objects"].items():
        wanted = {languages()[code].labels[0] for code in row.get("names_in", "").split()} | {"en"}
        assert entities[qid].labels.keys() == wanted
        assert row["verified"]
    for iso, row in decisions["countries"].items():
        country = next(region(slug).qid for slug in regions() if region(slug).iso == iso)
        assert entities[country].best("P36") == ([row["capital"]] if "capital" in row else [])


def test_stale_and_contested_facts_are_left_out(entities):
    assert not any(claim.property == "P38" for e in entities.values() for claim in e.claims), "no currencies"
    for slug in ("israel", "sri_lanka", "indonesia", "singapore"):
        assert not entities[region(slug).qid].best("P36"), slug
    assert not entities[region("taiwan").qid].best("P37")
    assert not entities["Q160525"].best("P495"), "the origin of the pretzel is unknown"
    assert "ta" not in entities["Q39231"].labels, "CLDR calls Mount Fuji Everest in Tamil"
    assert entities["Q212121"].labels.keys() == {"en", "es", "ja"}, "elsewhere CLDR says pan, not paella"


def test_ranks_decide_between_capitals(entities):
    ended = {
        "germany": ("P36", "Q586"),
        "italy": ("P36", "Q495"),
        "japan": ("P36", "Q34600"),
        "israel": ("P37", "Q13955"),
    }
    for slug, (name, former) in ended.items():
        country = entities[region(slug).qid]
        assert former in {c.value for c in country.claims if c.property == name} - set(country.best(name))
    netherlands = [c for c in entities[region("netherlands").qid].claims if c.property == "P36"]
    assert [(c.value, c.rank, c.best) for c in netherlands] == [
        ("Q727", "normal", True),
        ("Q36600", "deprecated", False),
    ]


def test_dates_are_qualifiers_with_their_precision(documents):
    bonn = next(s for s in documents["Q183"]["claims"]["P36"] if "qualifiers" in s)
    end = bonn["qualifiers"]["P582"][0]["datavalue"]["value"]
    assert (end["time"], end["precision"]) == ("+1990-10-03T00:00:00Z", 11)
    turin = next(s for s in documents["Q38"]["claims"]["P36"] if "qualifiers" in s)
    end = turin["qualifiers"]["P582"][0]["datavalue"]["value"]
    assert (end["time"], end["precision"]) == ("+1865-00-00T00:00:00Z", 9)


def test_labels_in_every_language(entities):
    count = Counter(code for e in entities.values() for code in e.labels)
    expected = {languages()[code].labels[0] for code in training_languages()}
    assert count.keys() == expected
    assert count["en"] == len(entities)
    few = {code for code in expected if count[code] < 120}
    assert few == {"ig", "su"}, "CLDR translates little into Igbo and Sundanese"


def test_labels_are_in_their_languages_script(entities):
    script_of = {code: row.script for row in languages().values() for code in row.labels}
    for e in entities.values():
        for code, text in e.labels.items():
            assert cldr_names.in_script(text, script_of[code]), (e.id, code, text)


@pytest.mark.parametrize(
    ("text", "script", "fits"),
    [("Берлин", "Cyrl", True), ("Berlin", "Cyrl", False), ("東京タワー", "Jpan", True), ("پاکستان", "Arab", True),
     ("ኪየቭ", "Ethi", True), ("Éire", "Latn", True), ("Токио", "Latn", False), ("दिल्ली", "Deva", True)],
)  # fmt: skip
def test_in_script_checks_letters(text, script, fits):
    assert cldr_names.in_script(text, script) == fits


@pytest.mark.parametrize(
    ("qid", "code", "text"),
    [("Q17", "ru", "Япония"), ("Q183", "es", "Alemania"), ("Q64", "el", "Βερολίνο"), ("Q1490", "fr", "Tokyo"),
     ("Q1490", "de", "Tokio"), ("Q15", "zh-hans", "非洲"), ("Q652", "nb", "italiensk"), ("Q46383", "ja", "すし"),
     ("Q183536", "es", "Torre de Tokio"), ("Q1033", "ig", "Naịjịrịa")],
)  # fmt: skip
def test_names_in_other_languages(entities, qid, code, text):
    assert entities[qid].labels[code] == text


def test_sample_is_below_2_megabytes():
    assert (
        sum(path.stat().st_size for path in FOLDER.rglob("*") if path.suffix != ".pyc" and path.is_file()) < 2_000_000
    )
