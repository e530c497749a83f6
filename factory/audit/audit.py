"""The audit of an export as a whole, and its headline."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from factory.audit import balance, counts, faults, guessers
from factory.audit.groups import Group, measure
from factory.audit.rows import Source, opened

SAMPLE = 30_000
"""Number of questions that the classifier learns from."""


@dataclass(frozen=True, kw_only=True)
class Audit:
    """Everything that the audit measures."""

    seed: int
    rows: int
    sizes: dict[str, int]
    """Numbers of choice questions: all, asked, and those of the classifier."""
    groups: list[Group]
    positions: list[balance.Positions]
    wordings: list[balance.Wordings]
    pools: list[balance.Pool]
    faults: list[faults.Fault]
    languages: list[counts.Language]
    properties: list[counts.Count]
    entity_types: list[counts.Count]

    @property
    def overall(self) -> Group | None:
        """Questions whose answers options can hide, or all questions if those are few. None without choice questions.

        No answer of the former is more frequent than chance, so that 30 % is their limit.
        """
        found = {group.level: group for group in self.groups if group.level in ("all", "even")}
        even = found.get("even")
        return even if even and even.verdict != "few" else found.get("all")

    @property
    def judged(self) -> list[Group]:
        """Groups by property and language that have enough questions for a verdict."""
        return [group for group in self.groups if group.level.startswith("property") and group.verdict != "few"]


def audit(
    source: Source,
    *,
    held_out_languages: tuple[str, ...],
    seed: int = 0,
    sample: int = SAMPLE,
    temporary: Path | None = None,
) -> Audit:
    """Measure an export. The same seed gives the same figures.

    Args:
        source: folder of the export, which needs no manifest, or tables by split.
        held_out_languages: languages without rows in train.
        seed: seed of the samples and of the classifier.
        sample: largest number of questions that the classifier learns from.
        temporary: folder for what does not fit into memory; by default that of the system.
    """
    with opened(source, held_out_languages=held_out_languages, seed=seed, temporary=temporary) as connection:
        sizes = guessers.ask(connection, seed=seed, sample=sample)
        choice_rows = connection.execute("SELECT count(*) FROM choice").fetchall()[0][0]
        return Audit(
            seed=seed,
            rows=connection.execute("SELECT count(*) FROM row").fetchall()[0][0],
            sizes={"choice": choice_rows, **sizes},
            groups=measure(connection),
            positions=balance.positions(connection),
            wordings=balance.wordings(connection),
            pools=balance.pools(connection),
            faults=faults.find(connection),
            languages=counts.by_language(connection),
            properties=counts.by(connection, "property"),
            entity_types=counts.by(connection, "entity_type"),
        )


def headline(result: Audit) -> dict[str, Any]:
    """Return the figures of an audit that an export's manifest has.

    Accuracies are rounded, so that equal exports have equal manifests.
    """
    group, found = result.overall, {fault.fault: fault.rows for fault in result.faults}
    best = group and group.best
    return {
        "rows": result.rows,
        "choice_rows": result.sizes["choice"],
        "asked_rows": group.questions if group else 0,
        "guesser": best.guesser if best else None,
        "accuracy": round(best.accuracy, 4) if best else None,
        "interval": [round(best.low, 4), round(best.high, 4)] if best else None,
        "limit": round(group.limit, 4) if group else None,
        "groups": len(result.judged),
        "groups_over": sum(1 for group in result.judged if group.verdict == "over"),
        "groups_unclear": sum(1 for group in result.judged if group.verdict == "unclear"),
        "uneven_positions": sum(1 for row in result.positions if row.uneven),
        "uneven_wordings": sum(1 for row in result.wordings if row.uneven),
        "unused_values": sum(pool.never_wrong for pool in result.pools if pool.unused),
        "duplicates": found[faults.DUPLICATES],
        "contradictions": found[faults.CONTRADICTIONS],
        "wrong_options_right": found[faults.RIGHT_ELSEWHERE] + found[faults.EQUAL_ANSWER],
        "answers_in_questions": found[faults.IN_QUESTION],
        "unreviewed_languages": sorted(row.language for row in result.languages if not row.reviewed),
    }
