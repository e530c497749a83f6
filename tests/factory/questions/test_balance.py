"""Balance: frequent regions, properties, answers and languages keep fewer questions, and the numbers add up."""

from collections import Counter

import pytest

from factory.audit.audit import audit
from factory.audit.cli import verdict
from factory.questions.balance import kept
from factory.questions.config import BalanceConfig
from factory.recipe import load
from factory.splits.config import SplitConfig
from pangea_cultural.dataset.export import SPLITS
from pangea_cultural.errors import UserError
from tests.factory.questions.question_store import Thing, asked, rejections, value
from tests.helpers import world

COUNTY = "Q28575"
HALF = SplitConfig(dev=0, test=0.5, near_duplicates=False)


def counties(number, languages=("en", "fr")):
    """Return values with a name in each language."""
    return [value(f"Q{200 + n}", {code: f"county {n} {code}" for code in languages}, COUNTY) for n in range(number)]


def buildings(number, county, start, **fields):
    return [Thing(f"Q{start + n}", claims={"P131": [f"Q{200 + county(n)}"]}, **fields) for n in range(number)]


def rows_of(store):
    return store.table("SELECT q.*, split FROM question q JOIN split USING (image) ORDER BY item, id").to_pylist()


def adds_up(store):
    inputs, created = store.counts
    rejected = store.value("SELECT coalesce(sum(items), 0) FROM rejection WHERE stage = 'questions' AND unit = ''")
    return inputs == created + rejected


@pytest.mark.parametrize(
    ("temperature", "smallest", "result"),
    [
        (1, 0, {"a": 10000, "b": 400, "c": 100}),
        (0.5, 0, {"a": 1000, "b": 200, "c": 100}),
        (0, 0, {"a": 100, "b": 100, "c": 100}),
        (0.5, 0.1, {"a": 2000, "b": 400, "c": 100}),
        (0, 1, {"a": 10000, "b": 400, "c": 100}),
    ],
)
def test_groups_keep_a_number_in_proportion_to_a_power(temperature, smallest, result):
    assert kept({"a": 10000, "b": 400, "c": 100}, temperature, smallest) == result


def test_regions_are_balanced_in_train_only_and_the_same_seed_drops_the_same(tmp_path):
    things = [
        *counties(12),
        *buildings(320, lambda n: n % 12, 1000),
        *buildings(80, lambda n: n % 12, 5000, region="kenya"),
    ]
    config = BalanceConfig(by=("region",), temperature=0.5, smallest=0)
    scope = {"languages": ("en", "fr"), "regions": ("germany", "kenya"), "properties": ("P131",), "split": HALF}
    found = {}
    for name, balanced in (("all", BalanceConfig()), ("one", config), ("again", config)):
        (tmp_path / name).mkdir()
        with asked(tmp_path / name, things, balanced=balanced, **scope) as store:
            found[name] = rows_of(store)
            assert adds_up(store)
            assert ("balance by region" in rejections(store)) == (name != "all")
    before, after = (
        {split: Counter(row["region"] for row in found[name] if row["split"] == split) for split in ("train", "test")}
        for name in ("all", "one")
    )
    assert before["test"] == after["test"] and after["train"]["kenya"] == before["train"]["kenya"]
    wanted = (before["train"]["germany"] / before["train"]["kenya"]) ** 0.5
    assert after["train"]["germany"] / after["train"]["kenya"] == pytest.approx(wanted, rel=0.1)
    assert found["one"] == found["again"]


def test_the_audit_names_a_frequent_answer_and_balance_by_answer_removes_it(tmp_path):
    things = [*counties(12), *buildings(900, lambda n: 0 if n % 5 < 3 else 1 + n % 11, 1000)]
    results = {}
    for name, by in (("before", ()), ("after", ("answer",))):
        (tmp_path / name).mkdir()
        scope = {"languages": ("en", "fr"), "properties": ("P131",), "split": HALF}
        with asked(tmp_path / name, things, balanced=BalanceConfig(by=by), **scope) as store:
            assert adds_up(store)
            tables = {
                split: store.table(f"SELECT q.* FROM question q JOIN split USING (image) WHERE split = '{split}'")
                for split in SPLITS
            }
            results[name] = audit(tables, held_out_languages=(), sample=1000)
    assert any("in P131. Options cannot balance" in line for line in verdict(results["before"]))
    assert not any("Options cannot balance" in line for line in verdict(results["after"]))
    assert results["before"].overall.most_frequent > 0.5
    assert results["after"].overall.most_frequent == pytest.approx(0.25, abs=0.01)
    assert results["after"].overall.best.accuracy < 0.33


@pytest.mark.parametrize("heavy", [1, 2, 3])
def test_no_answer_keeps_more_than_a_quarter(tmp_path, heavy):
    things = [*counties(12), *buildings(300, lambda n: n % heavy if n % 10 else 3 + n // 10 % 9, 1000)]
    with asked(tmp_path, things, balanced=BalanceConfig(by=("answer",)), properties=("P131",)) as store:
        counts = Counter(row["answer"] for row in rows_of(store))
    assert max(counts.values()) <= counts.total() / 4 and len(counts) == heavy + 9


def test_no_answer_keeps_more_than_a_quarter_in_a_language_that_lacks_names(tmp_path):
    things = [
        value(f"Q{200 + n}", {"en": f"county {n}"} | ({} if n % 2 else {"fr": f"comté {n}"}), COUNTY) for n in range(12)
    ]
    things += buildings(300, lambda n: n % 12 if n % 3 else 0, 1000)
    config = BalanceConfig(by=("answer",))
    with asked(tmp_path, things, balanced=config, languages=("en", "fr"), properties=("P131",)) as store:
        rows = [row for row in rows_of(store) if row["question_type"] == "choice"]
        assert adds_up(store)
    for language in ("en", "fr"):
        counts = Counter(row["answer"] for row in rows if row["language"] == language)
        assert len(counts) >= 6 and max(counts.values()) <= counts.total() / 4


def test_no_answer_keeps_more_than_a_quarter_of_open_questions_without_options(tmp_path):
    things = [value(f"Q{200 + n}", {"en": f"county {n}", **({"fr": f"comté {n}"} if n < 8 else {})}) for n in range(12)]
    things += buildings(300, lambda n: 0 if n % 5 < 3 else 1 + n % 11, 1000)
    config = BalanceConfig(by=("answer",))
    with asked(tmp_path, things, balanced=config, languages=("en", "fr"), properties=("P131",), split=HALF) as store:
        rows = rows_of(store)
        assert adds_up(store) and not any(row["choices"] for row in rows)
    for group in {(row["language"], row["split"]) for row in rows}:
        counts = Counter(row["answer"] for row in rows if (row["language"], row["split"]) == group)
        assert len(counts) >= 8 and max(counts.values()) <= counts.total() / 4


def test_languages_are_balanced_and_the_numbers_add_up(tmp_path):
    things = counties(12)
    things += [value(f"Q{300 + n}", {"en": f"shire {n}"}, COUNTY) for n in range(12)]
    things += buildings(200, lambda n: n % 12 + (100 if n % 4 else 0), 1000)
    config = BalanceConfig(by=("language",), temperature=0, smallest=0)
    with asked(tmp_path, things, balanced=config, languages=("en", "fr"), properties=("P131",)) as store:
        counts = Counter(row["language"] for row in rows_of(store))
        assert adds_up(store)
    assert counts["en"] == pytest.approx(counts["fr"], abs=2) and counts["fr"] >= 40


@pytest.mark.parametrize("by", [[], ["answer"]])
@pytest.mark.parametrize(("key", "value"), [("temperature", 0.3), ("smallest", 0.2), ("splits", ["dev"])])
def test_a_key_that_only_other_dimensions_use_is_an_error(tmp_path, by, key, value):
    with pytest.raises(UserError, match=f"`{key}` has no effect"):
        load(world.write(tmp_path), overrides={"balance": {"by": by, key: value}})


def test_a_temperature_on_the_command_line_replaces_the_recipes(tmp_path):
    recipe = world.write(tmp_path)
    recipe.write_text(recipe.read_text() + '\n[balance]\nby = ["region"]\nsmallest = 0.2\n')
    balance = load(recipe, overrides={"balance": {"temperature": 0.3}}).balance
    assert (balance.by, balance.temperature, balance.smallest) == (("region",), 0.3, 0.2)
