"""The letter that the harness of Pangea reads from an answer to CVQA and M3Exam.

Reference: neulab/Pangea, `evaluation/lmms-eval/lmms_eval/tasks/{cvqa,m3exam}` (commit ecc4403). It takes the
first letter that looks like a label anywhere, so "Answer: B" is A. It stays as it is, so that scores can be compared.
"""

import difflib
import re
from collections.abc import Sequence

DRAWN_FROM = "ABCD"
"""Letters among which the reference draws if it finds none."""
_LABEL = re.compile(r"\(?([A-D])[).:\s]", re.IGNORECASE)
_LETTER = re.compile("[ABCD]", re.IGNORECASE)
_OPTION_LABEL = re.compile(r"^[A-D]\.\s*")
_LEAST_SIMILARITY = 0.7


def reference_letter(answer: str, options: Sequence[str]) -> str | None:
    """Return the letter that the reference reads, None where it draws one at random.

    Args:
        answer: the model's answer.
        options: the texts of the options as the data set has them.
    """
    text = answer.strip()
    match = _LABEL.search(text)
    if match:
        return match[1].upper()
    match = _LETTER.search(text)
    if match:
        return match[0].upper()
    best, best_similarity = None, 0.0
    for number, option in enumerate(options):
        similarity = difflib.SequenceMatcher(None, text, _OPTION_LABEL.sub("", option)).ratio()
        if similarity > best_similarity:
            best, best_similarity = number, similarity
    return chr(ord("A") + best) if best is not None and best_similarity > _LEAST_SIMILARITY else None
