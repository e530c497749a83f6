"""The comparison of two run folders, as it is in report.json."""

from pathlib import Path
from typing import Any

from evalsuite.report.run_files import read_results
from evalsuite.report.verdicts import families
from evalsuite.report.verdicts.answers import read
from evalsuite.report.verdicts.carry_over import carry_over
from evalsuite.report.verdicts.paired import paired
from pangea_cultural.errors import UserError

SEED = 0
"""Seed of resamples and flips, so that a report can be repeated."""


def compare_runs(a: Path, b: Path) -> dict[str, Any]:
    """Return the verdicts about run A and run B.

    Raises:
        UserError: a folder is not a finished run, or the runs have no question in common.
    """
    pairs = paired(read(a), read(b))
    if not len(pairs):
        raise UserError(f"{a} and {b} have no question in common. Evaluate both models with the same --tasks.")
    claims = families.confirmatory(pairs, SEED)
    first, second = (read_results(run) for run in (a, b))
    judged = {part["name"] for results in (first, second) for part in results.get("benchmarks", []) if part["judged"]}
    return {
        "a": {"run": str(a), "model": first["model"]},
        "b": {"run": str(b), "model": second["model"]},
        "score": "robust",
        "pairs": len(pairs),
        "clusters": len(set(pairs.clusters.tolist())),
        "left_out": pairs.left_out,
        "judged": sorted(judged),
        "confirmatory": claims,
        "benchmarks": families.benchmarks(pairs, SEED),
        "cells": families.cells(pairs, SEED),
        "transfer": carry_over(pairs, claims),
    }
