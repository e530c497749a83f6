"""Dataset cards: metadata that the hub reads, credits, and texts of others that stay texts."""

import re

import pytest
from huggingface_hub import DatasetCard
from markdown_it import MarkdownIt

from factory.exchange.card.markdown import escape, link, table
from factory.exchange.formats.registry import FORMATS
from pangea_cultural.dataset.export import SPLITS
from tests.factory.exchange import exported

HOSTILE = [
    "<script>alert(1)</script>",
    "![x](https://evil.example/x.png)",
    "[click](javascript:alert(1))",
    "a | b | c",
    "`code` **bold** _it_ ~~gone~~ # head",
    "line\n\n# heading\n---\n- item",
    "&lt;b&gt; &amp;",
    "back\\slash \\| pipe",
    "\u202egnp.exe\x1b[31m\x00",
    "سماور",
    "https://evil.example www.evil.example a@evil.example",
    "<!-- comment",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_of_others_is_shown_as_it_is(text):
    page = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(table(["a", "b"], [[escape(text), "end"]]))
    cells = re.findall("<td>(.*?)</td>", page, re.DOTALL)
    assert len(cells) == 2 and cells[1] == "end"
    assert not re.search("<[a-z!]", cells[0]), cells[0]
    assert not set("\x00\x1b\u202e") & set(page)


@pytest.mark.parametrize(
    "url", ["javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//evil", "http://[", ""]
)
def test_url_that_is_not_of_the_web_is_no_link(url):
    assert "](<" not in link("text", url)


def test_url_cannot_leave_its_link():
    page = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(link("a", 'https://a.example/x> <b> "(|)'))
    assert page.count("<a ") == 1 and "<b>" not in page and 'href="https://a.example/x' in page


def test_card_has_the_metadata_of_the_hub(in_formats, castle_export):
    for name in FORMATS:
        data = DatasetCard.load(in_formats / name / "README.md").data.to_dict()
        assert data["language"] == ["de", "en", "nl"]
        assert data["license"] == ["cc0-1.0"]
        assert data["task_categories"][0] == "visual-question-answering"
        default = next(config for config in data["configs"] if config.get("default"))
        assert [file["split"] for file in default["data_files"]] == list(SPLITS)


def test_card_states_quality_and_counts(in_formats, castle_export):
    card = (in_formats / "parquet/README.md").read_text()
    for split, count in castle_export.manifest["questions"].items():
        assert f"| {split} | {count:,} |" in card
    assert "Audit: {'" in card
    assert "without rows in `train`: nl." in card
    assert "No native speaker has read the templates of: en, de, nl." in card
    assert f"| cc0\\-1\\.0 | {castle_export.images().num_rows} |" in card


def test_attribution_names_author_license_link_and_changes(castle_export, tmp_path):
    credits = {
        "author": "[A](javascript:x) | <b>B</b>",
        "attribution": "",
        "license": "CC BY 4.0",
        "license_code": "cc-by-4.0",
        "license_url": "https://creativecommons.org/licenses/by/4.0/",
        "page": "https://commons.example/wiki/File:A.png",
        "changes": "scaled",
    }
    export = exported.changed(castle_export, tmp_path / "export", images=credits)
    exported.write(export, "parquet", tmp_path / "new")
    card, attribution = ((tmp_path / "new" / name).read_text() for name in ("README.md", "ATTRIBUTION.md"))
    row = (
        r"\[A\]\(javascript\:x\) \| &lt;b&gt;B&lt;/b&gt; | [CC BY 4\.0](<https://creativecommons.org/licenses/by/4.0/>)"
    )
    assert attribution.count(f"{row} | scaled |") == export.images().num_rows == 30
    assert card.count(row) == 20 and "The first 20 of them" in card
    assert "(<https://commons.example/wiki/File:A.png>)" in attribution
    assert DatasetCard(card).data.license == ["cc-by-4.0"]


def test_card_names_the_model_that_rewrote_questions(castle_export, tmp_path):
    export = exported.changed(castle_export, tmp_path / "export", split="dev", questions={"rewritten_by": "a|b-1"})
    exported.write(export, "parquet", tmp_path / "new")
    assert r"- Rewritten by a\|b\-1: 42 questions." in (tmp_path / "new/README.md").read_text()


def test_license_that_is_not_free_is_stated(castle_export, tmp_path):
    export = exported.changed(
        castle_export, tmp_path / "export", images={"license": "CC BY-NC 4.0", "license_code": ""}
    )
    exported.write(export, "parquet", tmp_path / "new")
    card = (tmp_path / "new/README.md").read_text()
    assert "The license of 30 images is not known to be free" in card
    assert DatasetCard(card).data.license == ["other"]
