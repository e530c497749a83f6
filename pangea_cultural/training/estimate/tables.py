"""The result of a dry run as tables."""

from typing import Any

from rich.console import Console
from rich.table import Table

from pangea_cultural.utils.console import table

GB = 1e9
Stages = list[dict[str, Any]]


def show(result: dict[str, Any], console: Console) -> None:
    """Print what a dry run found."""
    console.print(f"Model: {result['model']['from']}", highlight=False)
    for made in (_sources(result), _parameters(result["stages"]), _steps(result), _memory(result)):
        console.print(made)
    for note in result["notes"]:
        console.print(f"- {note}", highlight=False, markup=False, soft_wrap=True)


def _sources(result: dict[str, Any]) -> Table:
    columns = ["source", "questions", "images", "known how", "rejected rows"]
    rows = [
        [s["source"], s["questions"], s["images"], s["basis"], sum(s["rejected"].values())] for s in result["sources"]
    ]
    return table("Data", columns, rows)


def _parameters(stages: Stages) -> Table:
    parts = dict.fromkeys(part for stage in stages for part in stage["parameters"])
    rows = []
    for part in parts:
        for kind in ("trained", "frozen"):
            counts = [stage["parameters"].get(part, {}).get(kind, 0) for stage in stages]
            if any(counts):
                rows.append([part.replace("_", " "), kind, *counts])
    return table("Parameters", ["part", "", *_names(stages)], rows)


def _steps(result: dict[str, Any]) -> Table:
    stages, basis, devices = result["stages"], result["basis"], result["devices"]
    speed = f"at {devices['tflops']:g} TFLOP/s each ({devices['tflops_from']})"
    rows = [
        ["steps", *_each(stages, "steps"), basis["questions"]],
        ["  laid out; what follows is scaled", *_each(stages, "steps_laid_out"), ""],
        ["questions", *_each(stages, "questions"), basis["questions"]],
        ["images shown", *_each(stages, "images"), basis["images"]],
        ["rows a step", *_each(stages, "rows_per_step"), basis["texts"]],
        ["tokens", *_each(stages, "tokens"), basis["texts"]],
        ["  of images", *_each(stages, "image_tokens"), basis["images"]],
        ["  saved by sharing images", *_each(stages, "tokens_saved"), basis["texts"]],
        [f"hours on {devices['number']} device(s)", *_each(stages, "hours"), speed],
    ]
    return table("Steps", ["", *_names(stages), "known how"], rows)


def _memory(result: dict[str, Any]) -> Table:
    stages = result["stages"]
    parts = stages[0]["memory_bytes"]
    rows = [[part, *[stage["memory_bytes"][part] / GB for stage in stages]] for part in parts]
    return table("Memory by formulas", ["GB a device", *_names(stages)], rows)


def _names(stages: Stages) -> list[str]:
    return [stage["stage"] for stage in stages]


def _each(stages: Stages, key: str) -> list[Any]:
    return [stage[key] for stage in stages]
