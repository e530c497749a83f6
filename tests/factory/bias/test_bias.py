"""Bias of a store: evenness of groups, and correlation with figures of the regions."""

import json

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from scipy import stats

from factory.bias import exported
from factory.bias.bias import balance, correlation, gini, measure
from factory.exchange.question_files import write_questions
from factory.questions.config import BalanceConfig
from factory.splits.config import SplitConfig
from pangea_cultural.cli import pcult
from pangea_cultural.dataset.export import FORMAT, Export
from pangea_cultural.dataset.tables import IMAGE_SCHEMA, IMAGES
from pangea_cultural.reference.regions import regions
from pangea_cultural.utils.files import write_json
from tests.factory.questions.question_store import Thing, asked, value

NAMES = ("rwanda", "kenya", "india", "japan", "germany", "norway")
"""Regions in the order of their GDP per capita."""


@pytest.mark.parametrize(
    ("counts", "result"), [([5, 5, 5], 0), ([0, 0, 9], 2 / 3), ([1, 3], 0.25), ([0, 0], None), ([], None)]
)
def test_gini_is_half_of_the_mean_difference_over_the_mean(counts, result):
    assert gini(counts) == (None if result is None else pytest.approx(result))


def test_correlation_is_spearmans_with_an_interval_around_it():
    known = dict(regions())
    counts = {name: n * n % 17 for n, name in enumerate(known)}
    found = correlation("questions", "population", counts, known)
    populations = [region.population.count for region in known.values()]
    assert found.rho == pytest.approx(stats.spearmanr([*counts.values()], populations).statistic)
    assert -1 <= found.low < found.rho < found.high <= 1


def test_few_regions_and_equal_numbers_have_no_correlation():
    known = {name: regions()[name] for name in NAMES}
    few = {name: known[name] for name in NAMES[:4]}
    assert correlation("images", "population", {name: n for n, name in enumerate(few)}, few).rho is None
    assert correlation("images", "population", dict.fromkeys(known, 3), known).rho is None


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Path of a store whose questions grow with wealth, balanced by region."""
    folder = tmp_path_factory.mktemp("bias")
    things = [value(f"Q{200 + n}", f"county {n}", "Q28575") for n in range(12)]
    for n, name in enumerate(NAMES):
        start = 1000 * (n + 1)
        things += [
            Thing(f"Q{start + i}", claims={"P131": [f"Q{200 + i % 12}"]}, region=name) for i in range(4 * (n + 1) ** 2)
        ]
    balanced = BalanceConfig(by=("region",), temperature=0, smallest=0)
    split = SplitConfig(dev=0, test=0, near_duplicates=False)
    with asked(folder, things, split=split, balanced=balanced, regions=NAMES, properties=("P131",)) as opened:
        result = measure(opened)
        _, counts = write_questions(opened, folder / "export")
    rest = {
        "recipe": {"name": "bias"},
        "held_out_languages": [],
        "entities": 0,
        "images": 0,
        "files": {IMAGES: ""},
    }
    pq.write_table(IMAGE_SCHEMA.empty_table(), folder / "export" / IMAGES)
    write_json(folder / "export/export.json", {"format": FORMAT, "questions": counts, **rest})
    return folder, result


def test_questions_that_follow_wealth_are_found_before_balance_and_not_after(store):
    _, result = store
    found = {(row.counted, row.figure): row for row in result["correlations"]}
    assert found["questions before", "GDP per capita"].rho == pytest.approx(1)
    assert found["questions after", "GDP per capita"].rho is None, "all regions have equally many"
    spreads = {(row.dimension, row.stage): row for row in result["spreads"]}
    assert spreads["region", "before"].gini > 0.4 and spreads["region", "before"].largest == "norway"
    assert spreads["region", "after"].gini == pytest.approx(0, abs=0.05)
    assert [row["region"] for row in result["regions"]] == sorted(NAMES)
    assert all(row["gdp_per_capita"] and row["population"] for row in result["regions"])


def test_an_export_has_the_spread_of_its_store_after_balance(store):
    folder, result = store
    found = exported.measure(Export.open(folder / "export"))
    assert found["spreads"] == [row for row in result["spreads"] if row.stage == "after"]
    assert found["answers"] == [row for row in result["answers"] if row.stage == "after"]
    assert [row["questions_after"] for row in found["regions"]] == [row["questions_after"] for row in result["regions"]]


def test_groups_with_a_frequent_answer_are_counted(store):
    _, result = store
    before, after = result["answers"]
    assert (before.stage, after.stage) == ("before", "after")
    assert before.groups == after.groups == 1 and before.few == after.few == 0
    assert before.over == 0, "the twelve counties have about as many buildings each"


def test_a_region_without_questions_counts_after_a_build_as_in_the_statistics(tmp_path):
    counties = [value(f"Q{200 + n}", f"county {n}", "Q28575") for n in range(12)]
    buildings = [Thing(f"Q{1000 + n}", claims={"P131": [f"Q{200 + n % 12 * (n < 24)}"]}) for n in range(36)]
    split = SplitConfig(dev=0, test=0, near_duplicates=False)
    scope = {"split": split, "regions": ("germany", "kenya"), "properties": ("P131",)}
    with asked(tmp_path, [*counties, *buildings, Thing("Q5000", region="kenya")], **scope) as store:
        built, found = balance(store), measure(store)
    assert built["spreads"] == found["spreads"] and built["answers"] == found["answers"]
    assert {(row.groups, row.gini) for row in built["spreads"] if row.dimension == "region"} == {(2, 0.5)}
    assert {row.over for row in built["answers"]} == {1}, "14 of the 36 buildings are in the first county"


@pytest.mark.parametrize("as_json", [True, False])
def test_the_command_prints_figures_before_and_after(store, as_json):
    folder, _ = store
    arguments = ["data", "stats", "--bias", "--workspace", str(folder), *(["--json"] if as_json else [])]
    result = CliRunner().invoke(pcult, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    if as_json:
        stages = {row["stage"] for row in json.loads(result.stdout)["spreads"]}
        assert stages == {"before", "after"}
    else:
        assert (
            "Spearman" in result.stdout
            and "Frequent answers" in result.stdout
            and "before" in result.stdout
            and "norway" in result.stdout
        )
