"""The claim that the gain of run A over run B carries over to held-out languages."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from evalsuite.report.verdicts import families
from evalsuite.report.verdicts.answers import CULTURE
from evalsuite.report.verdicts.paired import Paired
from evalsuite.statistics.transfer import Transfer, transfer

FULL, PARTLY, NONE, NO_GAIN, UNKNOWN = (
    "The gain carries over to held-out languages. No difference to trained languages is shown.",
    "The gain carries over to held-out languages, but it is smaller there.",
    "No gain in held-out languages is shown.",
    "No gain in trained languages is shown, so there is none to carry over.",
    "Whether a gain carries over to held-out languages is not known: both groups of languages have too few answers.",
)
UNKNOWN_TRAINING = (
    "Whether a gain carries over to held-out languages is not known: the languages of the training are unknown."
)
UNCONFIRMED = (
    "That the gain carries over to held-out languages is not shown. A regression of all answers shows a gain in both "
    "groups of languages, but the claims that were fixed beforehand do not."
)
NOT_NOVEL = "No gain is shown for novel answers there. The others can be right without knowledge of the language."


def carry_over(pairs: Paired, claims: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the regression of all answers to culture benchmarks that are right or wrong, and its reading.

    Args:
        pairs: the answers of both runs.
        claims: the confirmatory family. A gain that its claims do not show is not said to carry over.
    """
    chosen = [
        one.kind == CULTURE and group in ("trained", "held-out") and {one.score, other.score} <= {0.0, 1.0}
        for one, other, group in zip(pairs.a, pairs.b, pairs.groups, strict=True)
    ]
    part = pairs.where(chosen)
    held_out = [float(group == "held-out") for group in part.groups]
    found = transfer(
        right=np.array([answer.score for answer in (*part.a, *part.b)], dtype=np.float64),
        run=np.repeat([1.0, 0.0], len(part)),
        held_out=np.array(held_out * 2),
        novel=np.array([float(bool(answer.novel)) for answer in part.a] * 2),
        benchmarks=[answer.benchmark for answer in part.a] * 2,
        languages=[answer.language for answer in part.a] * 2,
        clusters=part.clusters.tolist() * 2,
    )
    not_binary = len(pairs) - len(part)
    return {
        "reading": _confirmed(_reading(found), claims),
        "pairs_left_out": not_binary,
        "log_odds": asdict(found) if found else None,
    }


def _reading(found: Transfer | None) -> str:
    if found is None:
        return UNKNOWN
    if found.trained.low <= 0:
        return NO_GAIN
    if found.held_out.low <= 0:
        return NONE
    return PARTLY if found.interaction.high < 0 else FULL


def _confirmed(reading: str, claims: Sequence[Mapping[str, Any]]) -> str:
    """Return what is said about the transfer, given the claims that were fixed beforehand."""
    verdicts = {claim["name"]: claim["verdict"] for claim in claims}
    if reading == UNKNOWN and verdicts[families.TRAINED] == families.UNKNOWN_TRAINING:
        return UNKNOWN_TRAINING
    if reading not in (FULL, PARTLY):
        return reading
    if {verdicts[families.TRAINED], verdicts[families.HELD_OUT]} != {families.A}:
        return UNCONFIRMED
    return reading if verdicts[families.NOVEL] in (families.A, families.NO_DATA) else f"{reading} {NOT_NOVEL}"
