"""Verdicts about two run folders whose true difference is known."""

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evalsuite.report.tables import verdicts as verdict_tables
from evalsuite.report.verdicts import carry_over, comparison, families, tables
from evalsuite.report.verdicts.answers import read
from evalsuite.report.verdicts.paired import paired
from pangea_cultural.errors import UserError
from tests.evalsuite.report import made_runs

LANGUAGES = {"de": "trained", "es": "trained", "nl": "held-out", "uk": "held-out"}


def published(seed, shares, *, images=150, benchmark="cvqa", groups=LANGUAGES):
    """Return answers of a benchmark. `shares` has the share of right answers by language."""
    difficulty = np.random.default_rng(0).random(images)
    rng = np.random.default_rng(seed)
    rows = []
    for language, share in shares.items():
        for image in range(images):
            right = rng.random() < share if rng.random() < 0.5 else difficulty[image] < share
            rows.append(
                {
                    "item": f"{benchmark}:{language}/{image}",
                    "language": language,
                    "group": groups.get(language, "unknown"),
                    "cluster": str(image),
                    "images": [f"hash {image}"],
                    "prompt": f"question {image}",
                    "robust": float(right),
                    "error": "",
                }
            )
    return rows


def write(folder, benchmarks):
    for name, rows in benchmarks.items():
        (folder / "benchmarks" / name).mkdir(parents=True)
        pq.write_table(pa.Table.from_pylist(rows), folder / "benchmarks" / name / "answers.parquet")
    parts = [made_runs.part_of(name, rows, []) for name, rows in benchmarks.items()]
    results = {"model": folder.name, "benchmarks": parts}
    (folder / "results.json").write_bytes(orjson.dumps(results))
    return folder


def compared(tmp_path, a, b):
    return comparison.compare_runs(write(tmp_path / "a", a), write(tmp_path / "b", b))


def by_name(rows):
    return {row["name"]: row for row in rows}


GOOD = {"de": 0.8, "es": 0.8, "nl": 0.75, "uk": 0.75}
POOR = dict.fromkeys(GOOD, 0.5)


def test_better_run_is_named_and_its_gain_carries_over(tmp_path):
    found = compared(tmp_path, {"cvqa": published(1, GOOD)}, {"cvqa": published(2, POOR)})
    claims = by_name(found["confirmatory"])
    assert claims["trained languages"]["verdict"] == claims["held-out languages"]["verdict"] == "A better"
    assert claims["trained languages"]["low"] > 0 and claims["trained languages"]["a"] > 0.7
    assert claims["held-out languages, novel answers"]["verdict"] == "no questions"
    assert by_name(found["benchmarks"])["cvqa"]["verdict"] == "A better"
    assert {row["verdict"] for row in found["cells"]} == {"A better"} and len(found["cells"]) == 4
    assert found["transfer"]["reading"].startswith("The gain carries over to held-out languages.")
    assert found["clusters"] == 150, "languages share images"


def test_gain_of_trained_languages_only_does_not_carry_over(tmp_path):
    found = compared(tmp_path, {"cvqa": published(1, GOOD | {"nl": 0.5, "uk": 0.5})}, {"cvqa": published(2, POOR)})
    claims = by_name(found["confirmatory"])
    assert claims["trained languages"]["verdict"] == "A better"
    assert claims["held-out languages"]["verdict"] == "no difference shown"
    assert found["transfer"]["reading"] == "No gain in held-out languages is shown."
    assert found["transfer"]["log_odds"]["interaction"]["high"] < 0


def test_gain_that_no_claim_shows_is_not_said_to_carry_over():
    claims = [{"name": name, "verdict": families.A} for name in (families.TRAINED, families.HELD_OUT, families.NOVEL)]
    assert carry_over._confirmed(carry_over.FULL, claims) == carry_over.FULL
    no_data = [*claims[:2], claims[2] | {"verdict": families.NO_DATA}]
    assert carry_over._confirmed(carry_over.PARTLY, no_data) == carry_over.PARTLY
    shared_only = [*claims[:2], claims[2] | {"verdict": families.UNDECIDED}]
    assert carry_over._confirmed(carry_over.FULL, shared_only).endswith(carry_over.NOT_NOVEL)
    trained_only = [claims[0], claims[1] | {"verdict": families.UNDECIDED}, claims[2]]
    assert carry_over._confirmed(carry_over.FULL, trained_only) == carry_over.UNCONFIRMED
    assert carry_over._confirmed(carry_over.NONE, trained_only) == carry_over.NONE


def test_worse_run_is_named(tmp_path):
    found = compared(tmp_path, {"cvqa": published(1, POOR)}, {"cvqa": published(2, GOOD)})
    assert by_name(found["confirmatory"])["trained languages"]["verdict"] == "B better"
    assert found["transfer"]["reading"].startswith("No gain in trained languages")


def test_undecided_comparison_says_which_difference_it_would_have_found(tmp_path):
    rows = published(1, POOR, images=30), published(2, POOR, images=30)
    found = compared(tmp_path, {"cvqa": rows[0]}, {"cvqa": rows[1]})
    row = by_name(found["benchmarks"])["cvqa"]
    assert row["verdict"] == "no difference shown" and row["p_adjusted"] > 0.05
    assert tables.verdict(row) == (
        f"no difference shown; 80 % power for {100 * row['minimum_detectable_effect']:.1f} points"
    )
    # 120 questions about 30 images, about half of whose pairs differ: 2.8 * sqrt(0.5 / 120) without clusters.
    assert 0.1 < row["minimum_detectable_effect"] < 0.35


def test_comparison_of_few_questions_names_no_difference_that_it_would_have_found():
    row = {"verdict": families.UNDECIDED, "test": "sign-flip", "minimum_detectable_effect": 1.7, "p_adjusted": 0.4}
    assert tables.verdict(row) == "no difference shown; there are too few questions to find one"


def test_run_that_equals_another_one_is_not_worse_on_mainstream_benchmarks(tmp_path):
    rows = published(1, {"de": 0.6, "en": 0.6}, benchmark="xgqa", images=1000)
    changed = [dict(row) for row in rows]
    for row in changed[:3]:
        row["robust"] = 1 - row["robust"]
    found = compared(tmp_path, {"xgqa": rows}, {"xgqa": changed})
    row = found["confirmatory"][-1]
    assert (row["test"], row["verdict"], row["margin"]) == ("non-inferiority", "not worse", 0.01)
    assert -0.01 < row["lower_bound"] < row["difference"]
    assert [claim["verdict"] for claim in found["confirmatory"][:3]] == ["no questions"] * 3


def test_claims_about_languages_of_unknown_trainings_say_so(tmp_path):
    rows = [row | {"group": "unknown"} for row in published(1, {"de": 0.6, "uk": 0.6}, images=30)]
    found = compared(tmp_path, {"cvqa": rows}, {"cvqa": rows})
    claims = found["confirmatory"]
    assert [claim["verdict"] for claim in claims[:3]] == ["languages of training unknown"] * 3
    # That there is no mainstream benchmark has nothing to do with it.
    assert claims[3]["verdict"] == "no questions" and by_name(found["benchmarks"])["cvqa"]["n"] == 240 // 4
    assert found["transfer"]["reading"].endswith("is not known: the languages of the training are unknown.")
    notes = {"letters": ["A", "B"], "notes": tables.notes(found)}
    first, second, *_ = verdict_tables.sentences({"comparisons": [found | notes]})
    assert first == "No question in common, so no verdict: " + claims[3]["name"] + "."
    assert second.startswith("The languages of the training are unknown, so no verdict: trained languages; held-out")


def test_few_questions_do_not_show_that_a_run_is_not_worse(tmp_path):
    rows = published(1, {"de": 0.6}, benchmark="xgqa", images=100)
    found = compared(tmp_path, {"xgqa": rows}, {"xgqa": rows})
    assert found["confirmatory"][-1]["verdict"] == "not shown"
    row = found["confirmatory"][-1]
    assert (
        tables.verdict(row) == f"not shown; difference at least {100 * row['lower_bound']:+.1f} points (one-sided 95 %)"
    )


def test_unpaired_questions_and_missing_scores_are_counted(tmp_path):
    a, b = published(1, {"de": 0.5}, images=40), published(2, {"de": 0.5}, images=42)
    a[0]["prompt"] = "another question"
    a[1]["error"] = "image: image missing"
    b[2]["robust"] = None
    found = compared(tmp_path, {"cvqa": a}, {"cvqa": b})
    assert found["left_out"] == {
        "only the second run has an answer": 2,
        "the runs asked it in other words": 1,
        "no score of the first run": 1,
        "no score of the second run": 1,
    }
    row = by_name(found["benchmarks"])["cvqa"]
    assert (found["pairs"], row["n"], row["missing"]) == (39, 37, 2)
    assert "Not compared: 2 (only the second run has an answer)." in tables.notes(found)


def test_language_that_one_model_only_was_trained_in_is_in_no_claim(tmp_path):
    a = published(1, {"de": 0.5, "nl": 0.5}, images=20)
    b = published(2, {"de": 0.5, "nl": 0.5}, images=20, groups={"de": "held-out"})
    pairs = paired(*(read(write(tmp_path / name, {"cvqa": rows})) for name, rows in (("a", a), ("b", b))))
    assert set(pairs.groups[:20]) == {"unknown"} and set(pairs.groups[20:]) == {"held-out"}
    claims = by_name(families.confirmatory(pairs, 0))
    assert (claims["trained languages"]["n"], claims["held-out languages"]["n"]) == (0, 20)


def test_families_are_adjusted_apart(tmp_path):
    names = ("cvqa", "maxm", "xm100")
    a = {name: published(number, {"de": 0.62}, benchmark=name, images=90) for number, name in enumerate(names)}
    b = {name: published(9 + number, {"de": 0.5}, benchmark=name, images=90) for number, name in enumerate(names)}
    found = compared(tmp_path, a, b)
    rows = sorted(found["benchmarks"], key=lambda row: row["p"])
    assert rows[0]["p_adjusted"] == pytest.approx(min(1, 3 * rows[0]["p"]))
    cells = sorted(found["cells"], key=lambda row: row["p"])
    assert cells[-1]["p_adjusted"] == pytest.approx(cells[-1]["p"])
    assert found["confirmatory"][0]["p_adjusted"] == found["confirmatory"][0]["p"], "the only claim with questions"


def test_scores_of_a_judge_are_not_compared_and_named(tmp_path):
    both = {name: published(1, {"de": 0.5}, benchmark=name, images=20) for name in ("cvqa", "xchat")}
    found = compared(tmp_path, both, both)
    assert [row["name"] for row in found["benchmarks"]] == ["cvqa"]
    assert tables.notes(found)[-1] == "Not compared: xchat (scores of a judge)."


def test_images_unite_benchmarks(tmp_path):
    both = {name: published(1, {"de": 0.5}, benchmark=name, images=20) for name in ("cvqa", "cvqa_english")}
    assert compared(tmp_path, both, both)["clusters"] == 20


def test_numbers_of_clusters_of_two_runs_unite_nothing(tmp_path):
    a = published(1, {"de": 0.5}, images=20)
    b = [row | {"cluster": str(int(row["cluster"]) - 1)} for row in published(2, {"de": 0.5}, images=20)[1:]]
    assert compared(tmp_path, {"cvqa": a}, {"cvqa": b})["clusters"] == 19


def test_runs_without_a_common_question_are_one_error(tmp_path):
    a, b = published(1, {"de": 0.5}), published(1, {"fr": 0.5})
    with pytest.raises(UserError, match="no question in common"):
        compared(tmp_path, {"cvqa": a}, {"cvqa": b})
    with pytest.raises(UserError, match="not a finished run"):
        read(tmp_path)


@pytest.mark.parametrize(("low", "verdict"), [(0.01, families.A), (-0.01, families.UNDECIDED)])
def test_difference_whose_interval_has_zero_is_not_shown(low, verdict):
    """The exact test can find a difference that the interval of few clusters does not exclude."""
    row = {"name": "trained languages", "test": "sign-flip", "n": 40, "a": 0.8, "b": 0.65, "difference": 0.15}
    row |= {"low": low, "high": 0.3, "p": 0.0156, "p_adjusted": 0.0156, "minimum_detectable_effect": 0.1}
    row |= {"verdict": families._verdict(row)}
    assert row["verdict"] == verdict
    disagrees = verdict == families.UNDECIDED
    assert ("its interval has zero" in tables.verdict(row)) == disagrees
    assert ("its interval has zero" in verdict_tables._sentence(row, "A", "B")) == disagrees
