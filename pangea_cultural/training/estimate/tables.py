"""Tables of a dry run's result."""

from typing import Any

from rich.console import Console
from rich.table import Table

from pangea_cultural.training.recipe import Memory
from pangea_cultural.utils.console import table

GB = 1e9
Stages = list[dict[str, Any]]


def show(result: dict[str, Any], console: Console) -> None:
    """Print the result of a dry run."""
    console.print(f"Model: {result['model']['from']}", highlight=False, markup=False)
    stages = result["stages"]
    for part in (_sources(result["sources"]), _parameters(stages), _steps(result), _memory(stages), _disk(stages)):
        console.print(part)
    for stage in stages:
        if stage["plan"] and stage["plan"]["chosen"]:
            console.print(plan_text(stage), highlight=False, markup=False, soft_wrap=True)
    for note in result["notes"]:
        console.print(f"- {note}", highlight=False, markup=False, soft_wrap=True)


def plan_text(stage: dict[str, Any]) -> str:
    """Return the chosen memory settings of a stage as lines of a recipe, with what they gain."""
    chosen = stage["plan"]["chosen"]
    saved = stage["hours"] - chosen["hours"]
    gain = f"{abs(saved):.3g} {'fewer' if saved >= 0 else 'more'} than the recipe's {stage['hours']:.3g}"
    settings = {name: chosen[name] for name in Memory.model_fields if chosen[name] not in (None, False)}
    lines = [f"{name} = {'true' if value is True else value}" for name, value in settings.items()]
    used = f"{chosen['memory_bytes'] / GB:.1f} GB per device"
    about = f"# Stage {stage['stage']}: {used}, {chosen['hours']:.3g} hours, {gain}"
    return "\n".join((about, "[stages.memory]", *lines, ""))


def _sources(sources: list[dict[str, Any]]) -> Table:
    rows = [[s["source"], s["questions"], s["images"], s["basis"], sum(s["rejected"].values())] for s in sources]
    return table("Data", ["source", "questions", "images", "basis", "rejected rows"], rows)


def _parameters(stages: Stages) -> Table:
    parts = dict.fromkeys(part for stage in stages for part in stage["parameters"])
    rows = []
    for part in parts:
        for state in ("trainable", "frozen"):
            counts = [stage["parameters"].get(part, {}).get(state, 0) for stage in stages]
            if any(counts):
                rows.append([part.replace("_", " "), state, *counts])
    return table("Parameters", ["part", "", *_each(stages, "stage")], rows)


def _steps(result: dict[str, Any]) -> Table:
    stages, basis, devices = result["stages"], result["basis"], result["devices"]
    speed = f"at {devices['tflops']:g} TFLOP/s each ({devices['tflops_basis']})"
    bandwidth = f"at {devices['gb_per_s']:g} GB/s each ({devices['gb_per_s_basis']})"
    rows = [
        ["steps", *_each(stages, "steps"), basis["questions"]],
        ["  sampled for the figures below", *_each(stages, "sampled_steps"), ""],
        ["questions", *_each(stages, "questions"), basis["questions"]],
        *([f"  passes over {name}", *[stage["passes"][name] for stage in stages], ""] for name in stages[0]["passes"]),
        ["images shown", *_each(stages, "images"), basis["images"]],
        ["rows per step", *_each(stages, "rows_per_step"), basis["texts"]],
        *([["  divided by devices", *[devices["per_row"]] * len(stages), ""]] if devices["per_row"] > 1 else []),
        ["micro-batches per step, at most", *_each(stages, "micro_batches"), ""],
        ["tokens", *_each(stages, "tokens"), basis["texts"]],
        ["  of images", *_each(stages, "image_tokens"), basis["images"]],
        ["  saved by sharing images", *_each(stages, "saved_tokens"), basis["texts"]],
        [f"hours on {devices['count']} device(s)", *_each(stages, "hours"), ""],
        ["  of computing, on the slowest", *_each(stages, "computing_hours"), speed],
        ["  without waiting", *_each(stages, "even_hours"), ""],
        ["  of communication", *_each(stages, "communication_hours"), bandwidth if devices["count"] > 1 else ""],
    ]
    return table("Steps", ["", *_each(stages, "stage"), "basis"], rows)


def _memory(stages: Stages) -> Table:
    rows = [[part, *[stage["memory_bytes"][part] / GB for stage in stages]] for part in stages[0]["memory_bytes"]]
    if any(stage["main_memory_bytes"] for stage in stages):
        rows.append(["moments in main memory", *[stage["main_memory_bytes"] / GB for stage in stages]])
    return table("Estimated memory", ["GB per device", *_each(stages, "stage")], rows)


def _disk(stages: Stages) -> Table:
    rows = [
        ["a checkpoint", *[stage["checkpoint_bytes"] / GB for stage in stages]],
        ["checkpoints, weights and result", *[stage["disk_bytes"] / GB for stage in stages]],
    ]
    return table("Estimated disk", ["GB", *_each(stages, "stage")], rows)


def _each(stages: Stages, key: str) -> list[Any]:
    return [stage[key] for stage in stages]
