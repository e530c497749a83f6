"""Questions without an answer, and answers that are not ordinary ones."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pangea_cultural.endpoint.failures import NoAnswerError
from pangea_cultural.errors import UserError


def require_choice(values: Sequence[float], url: str) -> None:
    """Compare the log-probabilities of options, which have to tell them apart.

    Raises:
        NoAnswerError: a value is not finite, or all are equal.
    """
    if not all(map(math.isfinite, values)):
        raise NoAnswerError("likelihoods are not finite", f"{url} gives likelihoods that are not finite. See its log.")
    if len(values) > 1 and len(set(values)) == 1:
        raise NoAnswerError("likelihoods are equal", f"{url} gives all options the same likelihood. See its log.")


def endings(stored: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    """Return the number of answers that are truncated, refused or empty."""
    return dict(sorted(Counter(answer["ending"] for answer in stored if answer.get("ending")).items()))


def require_complete(missing: Mapping[str, int], questions: int, *, allowed: int) -> None:
    """Accept a run with few missing answers.

    Args:
        missing: number of questions without an answer, by kind of failure.
        questions: number of all questions.
        allowed: largest number of missing answers.

    Raises:
        UserError: more answers are missing.
    """
    count = sum(missing.values())
    if count > allowed:
        kinds = ", ".join(f"{kind} {number:,}" for kind, number in sorted(missing.items()))
        raise UserError(
            f"{count:,} of {questions:,} questions have no answer ({kinds}). "
            f"Run the command again to ask them, or accept that with --allow-missing {count}."
        )
