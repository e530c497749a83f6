"""Compute the golden values: `python tests/evalsuite/statistics/golden/made.py`.

Needs an environment with numpy, pandas and statsmodels.
"""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import statsmodels
import statsmodels.api as sm
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

P_VALUES = [[0.01, 0.04, 0.03, 0.005], [0.2, 0.2, 0.001], [0.9], [0.05, 0.011, 0.02, 0.02, 0.8]]


def answers(seed: int, clusters: int, largest: int) -> dict[str, list[float]]:
    """Return answers of two runs in five languages, two of them held out, with unequal clusters."""
    rng = np.random.default_rng(seed)
    image = np.repeat(np.arange(clusters), rng.integers(1, largest + 1, clusters))
    language = rng.integers(0, 5, len(image))
    difficulty = rng.standard_normal(clusters)[image] + 0.3 * language
    rows = []
    for run in (0, 1):
        odds = 0.4 + difficulty * 0.8 + run * (0.7 - 0.3 * (language > 2))
        rows.append(pd.DataFrame({"run": run, "language": language, "cluster": image, "odds": odds}))
    table = pd.concat(rows, ignore_index=True)
    table["right"] = (rng.random(len(table)) < 1 / (1 + np.exp(-table["odds"]))).astype(int)
    table["held_out"] = (table["language"] > 2).astype(int)
    return table.drop(columns="odds").to_dict("list")


def gee(rows: dict[str, list[float]], covariance: str) -> dict[str, object]:
    """Return the coefficients of run, run x held-out and their covariance."""
    model = sm.GEE.from_formula(
        "right ~ run + run:held_out + C(language)",
        groups="cluster",
        data=pd.DataFrame(rows),
        family=sm.families.Binomial(),
        cov_struct=sm.cov_struct.Exchangeable(),
    )
    fitted = model.fit(cov_type=covariance, maxiter=200, ctol=1e-12)
    names = ["run", "run:held_out"]
    return {
        "coefficients": fitted.params[names].tolist(),
        "covariance": fitted.cov_params().loc[names, names].to_numpy().tolist(),
        "correlation": float(model.cov_struct.dep_params),
    }


def main() -> None:
    """Write statsmodels.json beside this file."""
    many, few = answers(1, 120, 5), answers(2, 24, 6)
    golden = {
        "statsmodels": statsmodels.__version__,
        "proportion_confint": [
            dict(zip(("right", "n", "low", "high"), (k, n, *proportion_confint(k, n, method="wilson")), strict=True))
            for k, n in ((0, 10), (7, 10), (10, 10), (291, 300), (150, 300))
        ],
        "mcnemar": [
            {"only_a": b, "only_b": c, "p": float(mcnemar([[5, b], [c, 5]], exact=True).pvalue)}
            for b, c in ((1, 8), (12, 12), (30, 14), (0, 0), (0, 6))
        ],
        "multipletests": [
            {
                "p": p,
                "holm": multipletests(p, method="holm")[1].tolist(),
                "fdr_bh": multipletests(p, method="fdr_bh")[1].tolist(),
            }
            for p in P_VALUES
        ],
        "gee": [
            {"rows": many, "robust": gee(many, "robust")},
            {"rows": few, "bias_reduced": gee(few, "bias_reduced")},
        ],
    }
    Path(__file__).with_name("statsmodels.json").write_text(json.dumps(golden) + "\n")


if __name__ == "__main__":
    main()
