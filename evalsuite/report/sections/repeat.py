"""The needs of a repetition: commands, versions, fingerprints, prompts, and what differs from the reference."""

import shlex
from collections.abc import Sequence
from typing import Any

from evalsuite.benchmarks import export
from evalsuite.report.finished_run import FinishedRun


def record(run: FinishedRun) -> dict[str, Any]:
    """Return the command, the identity of the model and the data, and the versions of a run."""
    results = run.results
    path = run.folder / "fingerprint"
    return {
        "run": run.letter,
        "commands": _commands(run),
        "fingerprint": path.read_text("utf-8").strip() if path.is_file() else None,
        "identity": dict.fromkeys(("weights", "files", "server")) | results.get("identity", {}),
        "weights_sha256": results.get("weights_sha256"),
        "versions": results.get("versions", {}),
        "export": results.get("export"),
        "prompts": _examples(results.get("prompts", [])),
        "data": [
            {
                "benchmark": part["name"],
                "version": part["version"],
                "repo": part["data"]["repo"],
                "pinned": part["data"]["pinned"],
                "read": part["data"]["read"],
                "max_tokens": part["max_tokens"],
                "prompt": part["prompt"],
                "prompts": prompts(part),
                "deviations": part["deviations"],
                "unverified": part["unverified"],
                "published": part["anchors"],
            }
            for part in run.published
        ],
    }


def prompts(part: dict[str, Any]) -> list[dict[str, Any]]:
    """Return an example of the prompt of each task, with the number of its questions and the hash of all its prompts.

    Older runs have only the first prompt of a benchmark, without a hash.
    """
    found = part.get("prompts") or [{"task": part["name"], "example": part["prompt"], "sha256": None, "n": None}]
    return _examples(found)


def _examples(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: row.get(key) for key in ("task", "example", "sha256", "n")} for row in rows]


def parts(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the parts of a record with prompts: those of benchmarks, after that of an export."""
    exported = [{"benchmark": export.NAME, "prompts": record["prompts"]}] if record["prompts"] else []
    return exported + record["data"]


def same_prompts(records: Sequence[dict[str, Any]]) -> dict[tuple[str, str], str]:
    """Return by run and benchmark the first run with the same prompts, of those that repeat the ones of another run."""
    first: dict[Any, str] = {}
    found = {}
    for one in records:
        for part in parts(one):
            key = (
                part["benchmark"],
                *((row["task"], row["sha256"], row["n"], row["example"]) for row in part["prompts"]),
            )
            # An older run has one prompt only, which says nothing about the others.
            hashed = all(row["sha256"] for row in part["prompts"])
            if hashed and first.setdefault(key, one["run"]) != one["run"]:
                found[one["run"], part["benchmark"]] = first[key]
    return found


def _commands(run: FinishedRun) -> list[str]:
    """Return the commands that repeat a run. Runs do not keep addresses, so URL stands for that of the endpoint."""
    results, commands = run.results, []
    if "export" in results:
        options = ["--tasks", export.NAME, "--export", results["export"]["path"].rpartition("/")[2]]
        for split in results["splits"]:
            options += ["--split", split]
        options += ["--max-questions", results["max_questions"], "--seed", results["seed"]]
        commands.append(_command(options))
    by_selection: dict[tuple[Any, ...], list[str]] = {}
    for part in run.published:
        chosen = part["selection"]
        key = (*chosen["languages"],), chosen["max_questions"], chosen["seed"], part["judged"]
        by_selection.setdefault(key, []).append(part["name"])
    for (languages, limit, seed, judged), names in by_selection.items():
        options = ["--tasks", ",".join(names)]
        options += ["--languages", ",".join(languages)] if languages else []
        options += ["--max-questions", limit] if limit else []
        options += ["--seed", seed] + (["--judge", "URL"] if judged else [])
        commands.append(_command(options))
    return commands


def _command(options: list[Any]) -> str:
    return shlex.join(["pcult", "eval", "--endpoint", "URL", *map(str, options)])
