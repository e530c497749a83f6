"""Images and questions to try, from an export's splits that training has not seen."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pangea_cultural.dataset.export import Export
from pangea_cultural.errors import UserError

NUM_IMAGES = 24


@dataclass(frozen=True)
class Examples:
    """Images with their questions by language; all empty where there is no export."""

    images: list[Path]
    questions: dict[tuple[str, str], list[str]]
    """By image (its path as text) and language."""
    languages: list[str]
    held_out: list[str]

    def ask(self, image: str | None, language: str) -> list[str]:
        """Questions in a language about an image; about any image where this one has none."""
        own = self.questions.get((image or "", language))
        if own:
            return own
        return list(dict.fromkeys(q for (_, code), part in self.questions.items() if code == language for q in part))[
            :6
        ]


def load(path: Path) -> Examples:
    """The examples of an export; empty where there is none."""
    try:
        export = Export.open(path)
    except UserError:
        return Examples([], {}, [], [])
    rows = [
        row
        for split in ("test", "unseen")
        for row in export.questions(split)
        if row.question_type == "open" and row.image
    ]
    chosen = set(_spread({(row.image, row.entity) for row in rows}))
    questions: dict[tuple[str, str], list[str]] = {}
    languages: dict[str, None] = {}
    for row in rows:
        languages[row.language] = None
        if row.image in chosen:
            questions.setdefault((str(export.path / row.image), row.language), []).append(row.question)
    images = [export.path / image for image in sorted(chosen, key=_draw)]
    return Examples(images, questions, list(languages), export.held_out_languages)


def _spread(images: Iterable[tuple[str, str]]) -> list[str]:
    """At most NUM_IMAGES images of as many entities, drawn by hash."""
    by_entity: dict[str, str] = {}
    for image, entity in sorted(images, key=lambda pair: _draw(pair[0])):
        by_entity.setdefault(entity, image)
    return list(by_entity.values())[:NUM_IMAGES]


def _draw(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
