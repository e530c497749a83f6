"""The headline of an audit as one line, from the figures in an export's manifest."""

from typing import Any

GUESSERS = {
    "frequent": "the option that is most often the answer",
    "ratio": "the option that is most often right when it is offered",
    "set_memory": "the answer that the same options had in train",
    "set_rest": "an option that was not the answer among the same options in train",
    "words": "a classifier on the words of question and options",
    "first": "the first option",
    "longest": "the longest option",
    "shortest": "the shortest option",
    "earliest": "the earliest time or the smallest amount",
    "latest": "the latest time or the largest amount",
    "middle": "the time or amount in the middle",
    "apart": "the time or amount farthest from the others",
}
"""Guessers and their descriptions, in the order of the tables.

The opposite of `ratio` is not among them. Equal numbers of images by entity make it reach 30 % in fair exports: what is
rare in train is frequent in test.
"""


def in_words(figures: dict[str, Any]) -> str:
    """Return a headline as one line for the end of a build."""
    if figures["accuracy"] is None:
        return "Audit: there are no choice questions to guess."
    guesser = GUESSERS.get(figures["guesser"], "a guesser of another version")
    return (
        f"Audit: without images, {guesser} is right in {figures['accuracy']:.1%} of the choice "
        f"questions (limit {figures['limit']:.1%}). {figures['groups_over']} of {figures['groups']} groups are over "
        f"their limit. Duplicates: {figures['duplicates']:,}, contradictions: {figures['contradictions']:,}. "
        "`pcult data audit` has more."
    )
