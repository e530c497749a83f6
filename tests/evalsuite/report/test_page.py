"""The page of a report: its structure, its policy, and hostile texts in it."""

import re
from html.parser import HTMLParser

import orjson
import pytest
import vl_convert

from evalsuite.report import content, html
from evalsuite.report import page as page_module
from evalsuite.report.charts import vega
from pangea_cultural.utils import pages
from tests.evalsuite.report import made_runs
from tests.evalsuite.report.conftest import HOSTILE
from tests.helpers.runs.chromium import chromium, needs_chromium

SECTIONS = ["verdicts", "languages", "benchmarks", "held-out", "cuts", "again", "examples", "cost", "repeat"]
LOADED = {"src", "srcset", "href", "xlink:href", "action", "data", "poster", "style", "background"}
"""Attributes that load something, or that the policy forbids."""


class Elements(HTMLParser):
    """The elements of a page, with the text of its styles and scripts."""

    def __init__(self, text):
        super().__init__()
        self.found, self.scripts, self.shown = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_data(self, data):
        tag, attributes = self.found[-1] if self.found else ("", {})
        (self.scripts if tag in ("script", "style") and data.strip() else self.shown).append((tag, attributes, data))


BUNDLE = vl_convert.javascript_bundle


@pytest.fixture(scope="module")
def page(compared):
    return (compared[0] / "report.html").read_text("utf-8")


@pytest.fixture(scope="module")
def elements(page):
    return Elements(page)


def test_sections_stand_in_the_order_of_their_questions(elements):
    assert [attributes["id"] for tag, attributes in elements.found if tag == "section"] == SECTIONS


def test_policy_allows_the_style_and_scripts_of_the_page_only(elements):
    (policy,) = [a["content"] for tag, a in elements.found if tag == "meta" and a.get("http-equiv")]
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy and "http" not in policy
    run = [(tag, text) for tag, attributes, text in elements.scripts if attributes.get("type") != "application/json"]
    assert [tag for tag, _ in run] == ["style", "script", "script"]
    for _, text in run:
        assert f"'{pages.policy_hash(text)}'" in policy


def test_nothing_is_loaded_from_elsewhere(elements):
    for tag, attributes in elements.found:
        for name in LOADED & set(attributes):
            assert attributes[name].startswith(("#", "data:image/jpeg;base64,")), (tag, attributes)
        assert not [name for name in attributes if name.startswith("on")], (tag, attributes)
    assert "@import" not in " ".join(text for _, _, text in elements.scripts)


def test_hostile_texts_are_texts(page, elements):
    assert "<img src=x" not in page and page.count("</script>") == page.count("<script")
    assert {tag for tag, _ in elements.found} >= {"svg", "table", "img", "bdi"}
    shown = "".join(text for _, _, text in elements.shown)
    assert shown.count(HOSTILE) > 20
    assert all(a["src"].startswith("data:image/jpeg") for tag, a in elements.found if tag == "img")


def test_charts_are_svg_without_scripts_and_have_the_same_specification(elements):
    charts = [a["data-chart"] for tag, a in elements.found if tag == "figure"]
    specifications = {a["id"]: orjson.loads(text) for tag, a, text in elements.scripts if tag == "script" and "id" in a}
    assert list(specifications) == charts and len(charts) == len(set(charts)) >= 8
    assert [tag for tag, _ in elements.found].count("svg") == len(charts)
    assert all("vega-lite" in one["$schema"] for one in specifications.values())


def test_ids_occur_once(elements):
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(ids) == len(set(ids))


def test_foreign_texts_have_language_and_direction(elements):
    blocks = [a for tag, a in elements.found if tag == "div" and a.get("dir") and a.get("class") != "prompt"]
    assert {(a["lang"], a["dir"]) for a in blocks} >= {("ar", "rtl"), ("de", "ltr")}


def test_tables_say_published_scores_and_their_protocol(page):
    assert "Pangea-7B, mul: 57.2 (same protocol? no)" in page


def test_prompts_of_all_tasks_are_folded(page):
    (part,) = re.findall(r"<summary>A, xgqa: data.*?</details>", page, re.DOTALL)
    assert ["prompt of xgqa:de" in part, "prompt of xgqa:ar" in part, part.count("The first of 40 questions.")] == [
        1,
        1,
        2,
    ]
    assert "The image stands first." in part and part.count('<div class="prompt" dir="auto">') == 2
    (exported,) = re.findall(r"<summary>A, export: prompts.*?</details>", page, re.DOTALL)
    assert "prompt of export:choice" in exported and "The first of 48 questions." in exported
    (same,) = re.findall(r"<summary>B, xgqa: data.*?</details>", page, re.DOTALL)
    assert "<dd>those of A</dd>" in same and "prompt of" not in same
    older = re.findall(r"<summary>A, cvqa: data.*?</details>", page, re.DOTALL)[0]
    assert "prompt of cvqa" in older and "SHA-256" not in older and "Same protocol? no" in older
    assert page.count("prompt of cvqa") == 2, "an older run has one prompt, which says nothing about the others"


def test_long_tables_are_folded(compared, tmp_path):
    answers = made_runs.published_answers("cvqa", 1, number=60, languages={"de": "trained"})
    for row in answers:
        row["facets"] = [{"name": "country", "value": f"country {int(row['id']) % 20}"}]
    html.write([made_runs.write(tmp_path / "run", {"cvqa": answers})], tmp_path / "page.html")
    cuts = (tmp_path / "page.html").read_text().split('<section id="cuts">')[1].split("</section>")[0]
    shown, folded = cuts.split('<details class="rest"><summary>Show all 20 (8 more)</summary>')
    assert (shown.count("<bdi>country "), folded.count("<bdi>country ")) == (12, 8)


def test_columns_that_no_benchmark_has_are_left_out(tmp_path):
    run = made_runs.write(tmp_path / "run", {"maxm": made_runs.published_answers("maxm", 1, number=5)})
    html.write([run], tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "published scores</th>" not in page and ">in its language</th>" not in page and ">blind</th>" not in page
    assert "One run: no other model to compare with." in page


def test_gain_that_is_not_above_the_control_is_not_claimed(tmp_path):
    rows = made_runs.export_answers(1)
    for row in rows:
        row["correct"] = row["correct_by_sum"] = row["id"].endswith(("1", "3"))
    run = made_runs.write(tmp_path / "run", export=rows)
    found = html.write([run], tmp_path / "page.html")
    assert {row["verdict"] for row in found["forest"]} == {"no gain shown"}
    assert [row["name"].partition(": ")[2] for row in found["forest"]] == [
        *("all trained", "held out, answer also in a trained language", "held out, novel answer")
    ], "shared and novel answers are never one claim"
    assert "no gain by the image is shown" in (tmp_path / "page.html").read_text()


def test_page_of_many_questions_is_small(tmp_path, monkeypatch):
    monkeypatch.setattr(vl_convert, "javascript_bundle", lambda snippet: "x" * 900_000)
    answers = made_runs.published_answers("cvqa", 1, number=5000)
    run = made_runs.write(tmp_path / "run", {"cvqa": answers})
    assert len(answers) == 20_000
    html.write([run], tmp_path / "page.html")
    assert (tmp_path / "page.html").stat().st_size < 15_000_000


def test_images_of_a_page_are_limited(compared, tmp_path, monkeypatch):
    (run, _) = content.opened([compared[0] / "a", compared[0] / "b"])
    examples = [example for example in compared[1]["examples"] if example["images"]]
    (whole,) = page_module._examples(run, examples[:1])[0]["sources"]
    monkeypatch.setattr(page_module, "MAX_IMAGES", len(whole) + 1)
    shown = page_module._examples(run, examples)
    assert [len(example["sources"]) for example in shown[:3]] == [1, 1, 0] and len(shown) == len(examples)


def test_svg_of_a_chart_has_no_ids_of_another_one():
    svg = '<svg id="x"><path fill="url(#g)" aria-label="id=&quot;g&quot;"/><linearGradient id="g"/></svg>'
    first, second = vega._inline(svg, "a"), vega._inline(svg.replace("<path", "<rect"), "b")
    ids = [set(re.findall(r' id="([^"]+)"', text)) for text in (first, second)]
    assert not ids[0] & ids[1] and re.search(r"url\(#\w{8}-g\)", first) and "id=&quot;g&quot;" in first


@needs_chromium
def test_charts_of_the_script_are_drawn_under_the_policy(tmp_path, monkeypatch):
    monkeypatch.setattr(vl_convert, "javascript_bundle", BUNDLE)
    run = made_runs.write(tmp_path / "run", {"maxm": made_runs.published_answers("maxm", 1, number=5)})
    html.write([run], tmp_path / "page.html")
    with chromium() as browser:
        tab = browser.new_page(viewport={"width": 390, "height": 2000})
        messages, requests = [], []
        tab.on("console", lambda message: messages.append(message.text))
        tab.on("request", lambda request: requests.append(request.url))
        tab.goto((tmp_path / "page.html").as_uri())
        tab.wait_for_selector(".vega-embed svg", timeout=60_000)
        assert messages == [] and [url for url in requests if not url.startswith(("file:", "data:"))] == []
        assert tab.evaluate("document.documentElement.scrollWidth") <= 390
        tab.locator(".vega-embed path[aria-label*=Arabic]").first.click(force=True)
        assert tab.evaluate("location.hash") == "#maxm-ar" and tab.locator("#maxm-ar").is_visible()
        tab.get_by_role("button", name="questions").first.click()
        assert tab.locator("th[aria-sort=ascending]").count() == 1
        still = browser.new_context(java_script_enabled=False).new_page()
        still.goto((tmp_path / "page.html").as_uri())
        still.locator("svg a[href='#maxm-ar']").first.click(force=True)
        assert still.url.endswith("#maxm-ar") and still.locator("#maxm-ar").is_visible(), "the table unfolds"
