"""The lexicon: names of CLDR, checked names and names of a model, and the checks of their files."""

from collections import Counter

import pytest

from factory.questions.lexicon import cldr, rows, written
from factory.reference.scripts import fits_script
from factory.wikidata.values import ITEM
from pangea_cultural.errors import UserError
from pangea_cultural.reference.languages import language, training_languages
from pangea_cultural.reference.regions import regions


def files(folder, **names):
    """Write a lexicon with two items and files of names."""
    (folder / "names").mkdir()
    (folder / "items.toml").write_text('[occupation]\nQ1 = "painter"\n\n[material]\nQ2 = "wood"\n')
    for code, text in names.items():
        (folder / "names" / f"{code}.toml").write_text(text)
    return folder


@pytest.fixture
def lexicon(tmp_path, monkeypatch):
    """Return a function that replaces the shipped files."""

    def replace(**names):
        monkeypatch.setattr(written, "FOLDER", files(tmp_path, **names))
        for function in (written.vocabularies, written.items, written.checked, written.by_model, written.file):
            function.cache_clear()

    yield replace
    for function in (written.vocabularies, written.items, written.checked, written.by_model, written.file):
        function.cache_clear()


@pytest.mark.parametrize("code", [*training_languages(), "zh-hant"])
def test_shipped_names_fit_their_language(code):
    script = "Hant" if code == "zh-hant" else language(code).script
    names = list(rows.names([code]))
    assert len({name.value for name in names}) == len(names)
    for name in names:
        assert name.text == name.text.strip() and fits_script(name.text, script), name


def test_shipped_files_have_no_fault():
    folder = written.FOLDER / "names"
    for path in folder.iterdir() if folder.is_dir() else ():
        assert path.name.removesuffix(".toml") in {*training_languages(), "zh-hant"}, path.name
        assert written.file(path.name.removesuffix(".toml"))


def test_cldr_names_territories_and_languages_in_most_languages():
    sizes = {code: len(list(cldr.names(code))) for code in training_languages()}
    assert min(size for code, size in sizes.items() if code not in ("ig", "su")) > 250, sizes
    assert dict(cldr.names("de"))["Q142"] == "Frankreich"
    assert dict(cldr.names("ru"))["Q15"] == "Африка"
    assert dict(cldr.names("fr"))["Q188"] == "allemand"
    assert dict(cldr.names("vi"))["Q188"] == "tiếng Đức"
    assert dict(cldr.names("en"))["Q225"] == "Bosnia and Herzegovina"
    assert "Q225" not in dict(cldr.names("ig"))
    assert dict(cldr.names("th"))["Q836"] == "เมียนมา"
    assert dict(cldr.names("am"))["Q836"] == "ማይናማር"


def test_spellings_of_lists_are_left_out():
    for code, item in (("nl", "Q25167"), ("cs", "Q33947"), ("ru", "Q685"), ("el", "Q225"), ("de", "Q7979")):
        assert item not in dict(cldr.names(code)), code
    assert dict(cldr.names("ru"))["Q691"] == "Папуа — Новая Гвинея"


def test_ids_are_unique_items():
    ids = [item for kind in cldr.items().values() for item in kind.values()] + list(written.items())
    assert all(ITEM.fullmatch(item) for item in ids)
    assert {item: n for item, n in Counter(ids).items() if n > 1} == {}
    assert not {row.qid for row in regions().values()} & set(ids)


def test_english_names_are_plain_and_distinct():
    names = written.items()
    assert {item: name for item, name in names.items() if written._UNCLEAN.search(name)} == {}
    assert {name: n for name, n in Counter(names.values()).items() if n > 1} == {}
    assert len(names) > 1400


def test_names_of_a_model_are_marked(lexicon):
    lexicon(de='[checked]\nQ1 = "Maler"\n[model]\nQ2 = "Holz"\n')
    names = {name.value: (name.text, name.source) for name in rows.names(["de"]) if name.value in ("Q1", "Q2")}
    assert names == {"Q1": ("Maler", "lexicon"), "Q2": ("Holz", "lexicon-model")}
    assert {name.source for name in rows.names(["en"]) if name.value in ("Q1", "Q2")} == {"lexicon"}


def test_reviewed_names_of_a_model_count_as_checked(lexicon):
    lexicon(de='reviewed = "A. Reader, 2027-01-31"\n[model]\nQ2 = "Holz"\n')
    assert {name.source for name in rows.names(["de"]) if name.value == "Q2"} == {"lexicon"}


def test_a_source_before_another_is_tried_first(lexicon):
    lexicon(de='[model]\nQ2 = "Holz"\n')
    priorities = {row["source"]: row["priority"] for row in rows.table(["de"]).to_pylist()}
    assert priorities["cldr"] < priorities["lexicon-model"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ('[model]\nQ3 = "Stein"\n', "Q3 'Stein': not in items.toml"),
        ("[model]\nQ1 = 1\n", "not a plain name"),
        ('[model]\nQ1 = "Maler/in"\n', "not a plain name"),
        ("[model]\nQ1 = 1\n", "not a plain name"),
        ('[model]\nQ1 = "Maler (Kunst)"\n', "not a plain name"),
        ('[model]\nQ1 = " Maler"\n', "not a plain name"),
        ('[model]\nQ1 = ""\n', "not a plain name"),
        ("[model]\nQ1 = 1\n", "not a plain name"),
        ('[model]\nQ1 = "Ma\u0308ler"\n', "not in Unicode's normal form NFC"),
        ('[model]\nQ1 = "Художник"\n', "letters of another script"),
        ("[model]\nQ1 = 1\n", "not a plain name"),
        ('[model]\nQ1 = "Maler"\n[checked]\nQ1 = "Maler"\n', "Q1 occurs twice"),
        ("[model]\nQ1 = 1\n", "not a plain name"),
        ('[model]\nQ1 = "Maler"\nQ1 = "Malerin"\n', "Cannot overwrite a value"),
        ('[models]\nQ1 = "Maler"\n', "unknown key models"),
    ],
)
def test_a_faulty_file_is_refused(lexicon, text, fault):
    lexicon(de=text)
    with pytest.raises(UserError, match=fault):
        written.file("de")
