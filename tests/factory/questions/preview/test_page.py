"""The page as a document: every line, filled frames, escaped texts, notes and the policy."""

import functools
import re

import lxml.html
import pytest
from click.testing import CliRunner

from factory.questions import templates
from factory.questions.preview import page
from factory.questions.preview.values import Values
from pangea_cultural.cli import pcult
from pangea_cultural.cli.main import main


@functools.cache
def document(name):
    return lxml.html.document_fromstring(page.render(name))


def line(content, name):
    return content.body.find(f'.//tr[@id="{name}"]')


def texts(found):
    """Return the texts of a line in the language, one for each value of a frame."""
    cell = found.find_class("text")[0]
    return [part.text_content() for part in cell.iter("li")] or [cell.find("p").text_content()]


@pytest.mark.parametrize("name", templates.file_names())
def test_page_has_every_line_of_the_file_once(name):
    ids = [row.get("id") for row in document(name).find_class("line")]
    expected = {row.id for row in templates.load(name).templates}
    assert len(ids) == len(set(ids)) and expected <= set(ids)
    others = {identifier.split("/")[1] for identifier in set(ids) - expected}
    assert others == {"instructions", "values"}


@pytest.mark.parametrize("name", templates.file_names())
def test_frames_are_filled_with_several_values_and_with_lists_of_two_and_five(name):
    lines = {found.get("id"): texts(found) for found in document(name).find_class("line")}
    for row in templates.load(name).templates:
        filled = lines[row.id]
        if row.kind == "ask":
            assert filled == [row.text]
            continue
        assert len(set(filled)) == len(filled) >= (2 if row.kind == "say_many" else 5), row.id
        start = row.text.partition("{")[0]
        assert all(text.startswith(start) and "{" not in text for text in filled), row.id


@pytest.mark.parametrize("name", templates.file_names())
def test_lists_have_two_and_five_values(name):
    values = Values(name)
    names = values.of("P84", "building")
    two, five = values.lists(names)
    assert len(names) == 5
    assert [text in two for text in names] == [True, True, False, False, False]
    assert all(text in five for text in names)


def test_times_have_every_precision_and_native_digits():
    assert list(Values("de").times().values()) == [
        *("31. März 1889", "1. Januar 2004", "12. Oktober 1492", "August 1969", "1985", "79 n. Chr.", "44 v. Chr."),
        *("1850\u20131859", "1. Jahrhundert", "19. Jahrhundert", "5. Jahrhundert v. Chr."),
    ]
    assert "৩১ মার্চ, ১৮৮৯" in Values("bn").times()["day"]
    assert Values("hi").quantities("1")[-1] == "12,34,567"


def test_values_fit_the_property():
    values = Values("en")
    assert "wood" in values.of("P186", "thing") and "English" in values.of("P407", "work")
    assert "March" in values.of("P837", "event")
    assert values.of("P2048", "building")[-1] == "8,848.86 meters"
    assert values.of("P1101", "building")[-1] == "1,234,567"
    assert values.of("label", "person")[0] == "Leonardo da Vinci"
    assert "Armenia" in values.of("label", "flag") and "Les Misérables" not in values.of("label", "flag")


@pytest.mark.parametrize(
    ("name", "tag", "direction"), [("ar", "ar", "rtl"), ("de", "de", "ltr"), ("zh-hant", "zh-Hant", "ltr")]
)
def test_texts_have_language_and_direction(name, tag, direction):
    content = document(name)
    cells = content.find_class("text")
    assert {(cell.get("lang"), cell.get("dir")) for cell in cells} == {(tag, direction)}
    assert content.get("lang") == "en"


def test_english_wording_stands_beside():
    content = document("zh-hant")
    assert line(content, "zh-hant/P84/building/ask/2").find_class("english")[0].text_content().split("\n")[0] == (
        "Which architect planned this building or structure?"
    )
    frame = line(content, "zh-hant/P84/say/1").find_class("english")[0].text_content()
    assert frame.startswith("Architect: [\u2026]\n")
    assert document("en").find_class("english")[-1].text_content().split() == ["en/P641/event/ask/2"]


def test_notes_are_highlighted_with_their_lines():
    content = document("zh-hant")
    marked = [row.get("id") for row in content.find_class("unsure")]
    assert "zh-hant/label/work/ask/1" in marked and "zh-hant/label/work/ask/2" in marked
    assert "這件作品 for a book" in line(content, "zh-hant/label/work/ask/1").find_class("note")[0].text_content()
    assert not document("en").find_class("unsure")


def test_markup_in_texts_is_shown_as_text(hostile):
    content = lxml.html.document_fromstring(page.render("de"))
    assert texts(line(content, "de/P17/flag/ask/2")) == ["Whose flag </td></tr></table> is it?"]
    assert texts(line(content, "de/P17/say/1"))[0].startswith('"><b>Country</b>: ')
    assert texts(line(content, "de/instructions/choice")) == ["<img src=x onerror='window.stolen = 1'>"]
    assert "<u>right</u> in all countries" in line(content, "de/P17/flag/ask/1").find_class("note")[0].text_content()
    assert "Reviewed: <i>A. Reader</i>, 2027-01-31" in content.text_content()
    assert not list(content.iter("img", "u"))
    assert len(list(content.iter("script"))) == 1


def test_page_is_one_file_with_a_strict_policy():
    text = page.render("ar")
    content = lxml.html.document_fromstring(text)
    (policy,) = [meta.get("content") for meta in content.iter("meta") if meta.get("http-equiv")]
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[\w+/]{43}='; script-src 'sha256-[\w+/]{43}='; "
        r"base-uri 'none'; form-action 'none'",
        policy,
    )
    attributes = {name for element in content.iter(lxml.etree.Element) for name in element.attrib}
    assert not {name for name in attributes if name.startswith("on") or name in ("src", "href", "style")}
    assert "http:" not in text and "https:" not in text and "@import" not in text


def test_command_writes_the_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for arguments, name in [(["nb"], "templates-no.html"), (["zh-hant", "--out", "a/b.html"], "a/b.html")]:
        result = CliRunner().invoke(pcult, ["data", "templates", "preview", *arguments], catch_exceptions=False)
        assert result.exit_code == 0 and result.output == f"Page: {name}\n"
        assert (tmp_path / name).read_text("utf-8").startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["xx"], "Unknown template file 'xx'. Known: am, ar,"),
        (["zh_hant"], "Unknown template file 'zh_hant'. Did you mean zh-hant?"),
        (["../en"], "Unknown template file '../en'."),
        (["de", "--out", "file/page.html"], "Cannot write file/page.html (File exists). Choose another file"),
        (["de", "--recipe", "none"], "none"),
    ],
)
def test_wrong_arguments_are_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as stop:
        main(["data", "templates", "preview", *arguments])
    error = capsys.readouterr().err
    assert stop.value.code == 1 and message in error and error.count("\n") == 1 and "bug" not in error


def test_broken_file_is_one_line(hostile, tmp_path, capsys):
    (hostile / "de.toml").write_text("[P17")
    with pytest.raises(SystemExit):
        main(["data", "templates", "preview", "de", "--out", str(tmp_path / "page.html")])
    error = capsys.readouterr().err
    assert "de.toml is not TOML" in error and error.count("\n") == 1
    assert not (tmp_path / "page.html").exists()
