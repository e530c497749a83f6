"""Distributions of what is drawn: wordings, places of the right option, and wrong options."""

from collections import Counter, defaultdict
from itertools import pairwise

import pytest

from factory.splits.config import SplitConfig
from tests.factory.questions.question_store import Thing, asked, questions, value, year

STYLES = [value(f"Q{100 + n}", f"style {n}", "Q32880") for n in range(8)]


def buildings(count, styles, weights=None):
    """Return buildings whose styles have the given frequencies, in percent."""
    shares = weights or [100 / len(styles)] * len(styles)
    names = [style.id for style, share in zip(styles, shares, strict=True) for _ in range(round(share * count / 100))]
    return [Thing(f"Q{9000 + n}", claims={"P149": [name]}) for n, name in enumerate(names)]


def choices(rows):
    return [row for row in rows if row["question_type"] == "choice"]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """Return the questions about 800 buildings in eight even styles, in two languages."""
    styles = [value(f"Q{100 + n}", {"en": f"style {n}", "de": f"Stil {n}"}, "Q32880") for n in range(8)]
    folder = tmp_path_factory.mktemp("drawn")
    return questions(folder, [*styles, *buildings(800, styles)], properties=("P149",), languages=("en", "de"))


def test_each_wording_is_used_in_half_of_the_questions(drawn):
    by_language = defaultdict(Counter)
    for row in drawn:
        by_language[row["language"]][row["template"]] += 1
    for counts in by_language.values():
        assert len(counts) == 2
        assert all(0.4 < count / counts.total() < 0.6 for count in counts.values())


def test_wordings_differ_between_the_languages_of_an_image(drawn):
    by_image = defaultdict(dict)
    for row in drawn:
        by_image[row["image"]][row["language"]] = row["template"][-1]
    equal = sum(found["en"] == found["de"] for found in by_image.values())
    assert 0.4 < equal / len(by_image) < 0.6


@pytest.mark.parametrize("language", ["en", "de"])
def test_right_option_is_equally_often_in_each_place(drawn, language):
    rows = [row for row in choices(drawn) if row["language"] == language]
    places = Counter(row["choices"].index(row["answer"]) for row in rows)
    assert all(0.2 < places[place] / len(rows) < 0.3 for place in range(4))


def test_every_fact_of_an_even_pool_gets_a_choice_question(drawn):
    assert len(choices(drawn)) == 1600


def test_value_is_a_wrong_option_three_times_as_often_as_an_answer(drawn):
    right = Counter(row["answer"] for row in choices(drawn))
    wrong = Counter(option for row in choices(drawn) for option in row["choices"] if option != row["answer"])
    assert set(wrong) == set(right)
    assert all(2.5 < wrong[name] / right[name] < 3.5 for name in right)


def test_every_value_meets_every_other_one(drawn):
    pairs = {frozenset((row["answer"], o)) for row in choices(drawn) for o in row["choices"]} - {frozenset()}
    assert len([pair for pair in pairs if len(pair) == 2]) == 2 * 28


def test_frequency_tells_nothing_in_a_skewed_pool(tmp_path):
    weights = [24, 20, 16, 12, 10, 8, 6, 4]
    rows = choices(questions(tmp_path, [*STYLES, *buildings(1000, STYLES, weights)], properties=("P149",)))
    right = Counter(row["answer"] for row in rows)
    offered = Counter(option for row in rows for option in row["choices"])
    by_ratio = sum(max(row["choices"], key=lambda o: right[o] / offered[o]) == row["answer"] for row in rows)
    by_count = sum(max(row["choices"], key=lambda o: right[o]) == row["answer"] for row in rows)
    assert len(rows) > 950
    assert by_ratio / len(rows) < 0.3 and by_count / len(rows) < 0.3


def test_years_do_not_give_the_answer_away_by_their_order(tmp_path):
    things = [Thing(f"Q{n}", claims={"P571": [year(1200 + 3 * n)]}) for n in range(1, 400)]
    rows = choices(questions(tmp_path, things, properties=("P571",)))
    ranks = Counter(sorted(row["choices"]).index(row["answer"]) for row in rows)
    assert len(rows) == 399
    assert all(0.19 < ranks[rank] / 399 < 0.31 for rank in range(4))
    distances = [abs(int(option) - int(row["answer"])) for row in rows for option in row["choices"]]
    assert max(distances) <= 3 * 32


def test_close_quantities_do_not_give_the_answer_away(tmp_path):
    things = [Thing(f"Q{n}", claims={"P2048": [f"{20 + n / 10}/Q11573"]}) for n in range(1, 400)]
    rows = choices(questions(tmp_path, things, properties=("P2048",)))
    heights = [sorted(float(option.split()[0]) for option in row["choices"]) for row in rows]
    ranks = Counter(found.index(float(row["answer"].split()[0])) for row, found in zip(rows, heights, strict=True))
    assert len(rows) > 380
    assert all(0.19 < ranks[rank] / len(rows) < 0.31 for rank in range(4))
    pairs = [pair for found in heights for pair in pairwise(found)]
    assert all(larger > 1.04 * smaller for smaller, larger in pairs), "wrong options differ as clearly as the answer"


def test_wrong_options_are_answers_of_the_same_split(tmp_path):
    things = [Thing(f"Q{n}", labels=f"Name {n}", claims={"P31": ["Q32880"]}) for n in range(1, 300)]
    rows = choices(questions(tmp_path, things, properties=("label",), split=SplitConfig(dev=0, test=0.4)))
    answers = defaultdict(set)
    for row in rows:
        answers[row["split"]].add(row["answer"])
    assert set(answers) == {"train", "test"} and not answers["train"] & answers["test"]
    assert all(set(row["choices"]) <= answers[row["split"]] for row in rows)


def test_pool_of_three_values_gives_no_choice_question(tmp_path):
    with asked(tmp_path, [*STYLES[:3], *buildings(30, STYLES[:3])], properties=("P149",)) as store:
        assert store.value("SELECT count(*) FROM question WHERE question_type = 'choice'") == 0
        dropped = store.rows("SELECT item, items FROM rejection WHERE reason = 'fewer than three wrong options'")
        assert dropped == [("P149 en", 30)]


def test_equal_stores_give_equal_questions_whatever_the_range(tmp_path, monkeypatch):
    things = [*STYLES, *buildings(100, STYLES)]
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    first = questions(tmp_path / "a", things, properties=("P149",))
    monkeypatch.setattr("factory.questions.stage.CHUNK_ITEMS", 7)
    assert questions(tmp_path / "b", reversed(things), properties=("P149",)) == first


def test_removed_entities_change_the_options_of_few_others(tmp_path):
    claims = [{"P31": ["Q41176"], "P149": [f"Q{100 + n % 8}"], "P571": [year(1200 + 2 * n)]} for n in range(400)]
    things = [Thing(f"Q{1000 + n}", labels=f"Name {1000 + n}", claims=row) for n, row in enumerate(claims)]
    gone = {f"Q{1000 + 90 * n}" for n in range(5)}
    rest = [thing for thing in things if thing.id not in gone]
    (tmp_path / "all").mkdir()
    (tmp_path / "rest").mkdir()
    scope = {"properties": ("label", "P571", "P149")}
    before = {row["id"]: row["choices"] for row in choices(questions(tmp_path / "all", [*STYLES, *things], **scope))}
    after = {row["id"]: row["choices"] for row in choices(questions(tmp_path / "rest", [*STYLES, *rest], **scope))}
    assert set(before) - set(after) == {name for name in before if name.split("-")[0] in gone}
    changed = {name for name in after if after[name] != before[name]}
    had_gone = {name for name in after if {f"Name {n[1:]}" for n in gone} & set(before[name])}
    assert len(had_gone) >= 10 and had_gone <= changed
    # Each of 15 facts was an option of three items.
    assert len(changed) <= 70 < len(after) / 15
