"""Example images and questions, from the splits of an export that training does not use."""

from dataclasses import dataclass
from pathlib import Path

from pangea_cultural.dataset.export import Export
from pangea_cultural.errors import UserError
from pangea_cultural.utils.sampling import hash_key

NUM_IMAGES = 24
NUM_QUESTIONS = 6
"""Maximum number of suggested questions for an image without questions of its language."""


@dataclass(frozen=True)
class Examples:
    """Images with their questions by language; all empty without an export."""

    images: list[Path]
    questions: dict[tuple[str, str], list[str]]
    """Questions by image (its path as text) and language code."""
    languages: list[str]
    held_out: list[str]

    def suggestions(self, image: str | None, language: str) -> list[str]:
        """Return the questions about an image in a language, or questions about other images if it has none."""
        matching = self.questions.get((image or "", language))
        if matching:
            return matching
        others = (text for (_, code), texts in self.questions.items() if code == language for text in texts)
        return list(dict.fromkeys(others))[:NUM_QUESTIONS]


def load(path: Path) -> Examples:
    """Return the examples of an export; empty ones if there is no complete export at `path`."""
    try:
        export = Export.open(path)
    except UserError:
        return Examples([], {}, [], [])
    rows = [
        row
        for split in ("test", "unseen")
        for row in export.questions(split)
        if row.question_type == "open" and row.image and export.file(row.image, below="images")
    ]
    # The first image of each entity, in the order of the hashes.
    image_of: dict[str, str] = {}
    for row in sorted(rows, key=lambda row: (hash_key(row.image), row.entity)):
        image_of.setdefault(row.entity, row.image)
    chosen = list(image_of.values())[:NUM_IMAGES]
    questions: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row.image in chosen:
            questions.setdefault((str(export.path / row.image), row.language), []).append(row.question)
    images = [export.path / image for image in dict.fromkeys(chosen)]
    return Examples(images, questions, list(dict.fromkeys(row.language for row in rows)), export.held_out_languages)
