"""The page of a preview: questions, filled frames and notes of one template file, with a field for each correction.

The page is one file without network: its policy (CSP) lets only its own style and script run, by their hashes.
"""

import functools
from collections.abc import Iterable, Iterator
from typing import Any

import jinja2

from factory.questions import templates
from factory.questions.preview import unsure
from factory.questions.preview.values import Values
from factory.questions.templates import ALL_TYPES, SLOTS, Template
from factory.questions.wordings import types_of
from factory.reference.entity_types import ANY, group_of
from factory.reference.properties import properties
from factory.wikidata.quantities import METER, NO_UNIT
from pangea_cultural.utils import pages

PACKAGE = "factory.questions.preview"
ENGLISH = "en"
HINTS = {
    "choice": "Instruction of a question with four options, A to D.",
    "short": "Instruction of a question without options.",
}
TITLES = {ALL_TYPES: "Answers", ANY: "Unknown type"}
"""Titles of blocks whose entity type has no name."""
Line = dict[str, Any]
"""A row of the page: `id`, `text` or `filled`, `english` and `notes`."""


def render(name: str) -> str:
    """Return the page of a template file.

    Raises:
        UserError: the file is missing, or has a fault.
    """
    style, script = pages.read(PACKAGE, "page.css"), pages.read(PACKAGE, "page.js")
    text = _template().render(
        _content(name),
        style=style,
        script=script,
        policy=f"default-src 'none'; style-src '{pages.policy_hash(style)}'; script-src '{pages.policy_hash(script)}'; "
        "base-uri 'none'; form-action 'none'",
    )
    return text.strip() + "\n"


@functools.cache
def _template() -> jinja2.Template:
    return pages.template(PACKAGE, "page.html")


def _content(name: str) -> dict[str, Any]:
    """Return what the page shows."""
    row = templates.language_of(name)
    lines = _Lines(name)
    return {
        "name": name,
        "title": row.name if name == row.code else f"{row.name} ({name})",
        "native": row.native,
        "tag": _tag(name, row.script),
        "direction": row.direction,
        "reviewed": lines.file.reviewed,
        "file_notes": lines.notes.get((), []),
        "instructions": lines.instructions(),
        "value_groups": lines.value_groups(),
        "sections": [lines.section(found) for found in lines.properties()],
    }


def _tag(name: str, script: str) -> str:
    """Return the BCP 47 tag of the texts. Fonts choose the form of Chinese characters by it."""
    if name == "zh-hant":
        return "zh-Hant"
    return f"{name}-{script}" if script in ("Hans", "Hant") else name


class _Lines:
    """Rows of the page of one file."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.file = templates.load(name)
        self.english = templates.load(ENGLISH)
        self.notes = unsure.notes(templates.path_of(name).read_text("utf-8"))
        self.values = Values(name)

    def properties(self) -> list[str]:
        """Return the properties of the file, in its order."""
        return list(dict.fromkeys(row.property for row in self.file.templates))

    def instructions(self) -> list[Line]:
        """Return the rows of the instructions."""
        return [
            {
                "id": f"{self.name}/instructions/{key}",
                "text": text,
                "english": self.english.instructions[key] if self.name != ENGLISH else "",
                "hint": HINTS[key],
                "notes": unsure.about(self.notes, ("instructions", key)),
            }
            for key, text in self.file.instructions.items()
        ]

    def value_groups(self) -> list[dict[str, Any]]:
        """Return texts that no template has: times, quantities and lists. Babel and times.toml make them."""
        names = self.values.of("P17", "building")
        groups: dict[str, Iterable[tuple[str, str]]] = {
            "Dates": self.values.times().items(),
            "Numbers": [
                (f"{unit} {position}", text)
                for unit, key in (("height", METER), ("number", NO_UNIT))
                for position, text in enumerate(self.values.quantities(key), 1)
            ],
            "Lists": zip(("two names", "five names"), self.values.lists(names), strict=True),
        }
        return [
            {"title": title, "lines": [self._value_line(what, text) for what, text in rows]}
            for title, rows in groups.items()
        ]

    def _value_line(self, what: str, text: str) -> Line:
        return {"id": f"{self.name}/values/{what.replace(' ', '-')}", "text": text, "english": what, "notes": []}

    def section(self, name: str) -> dict[str, Any]:
        """Return a property with its rows by entity type or group."""
        rows = [row for row in self.file.templates if row.property == name]
        by_type: dict[str, list[Template]] = {}
        for row in rows:
            by_type.setdefault(row.entity_type, []).append(row)
        return {
            "property": name,
            "label": properties()[name].label,
            "blocks": [
                {
                    "title": TITLES.get(entity_type, entity_type.replace("_", " ")),
                    "types": self._covered(name, entity_type),
                    "lines": list(self._block(found)),
                }
                for entity_type, found in by_type.items()
            ],
        }

    def _covered(self, name: str, entity_type: str) -> list[str]:
        """Return the entity types that a table of the file is for."""
        tables = {row.entity_type for row in self.file.templates if row.property == name and row.kind == "ask"}
        owners = {found: found if found in tables else group_of(found) for found in types_of(name)}
        return [found for found, owner in owners.items() if owner == entity_type and found != entity_type]

    def _block(self, rows: list[Template]) -> Iterator[Line]:
        for row in rows:
            path = tuple(part for part in (row.property, row.entity_type, row.kind) if part)
            line = {"id": row.id, "english": self._english(row), "notes": unsure.about(self.notes, path)}
            yield line | ({"filled": self._filled(row)} if row.kind in SLOTS else {"text": row.text})

    def _english(self, row: Template) -> str:
        """Return the English wording of a row, of which there may be fewer; empty on the English page."""
        found = self.english.find(row.property, row.entity_type or ANY, row.kind) if self.name != ENGLISH else ()
        text = found[min(row.ordinal, len(found)) - 1].text if found else ""
        return text.replace(SLOTS.get(row.kind, ""), "[\u2026]") if row.kind in SLOTS else text

    def _filled(self, row: Template) -> list[tuple[str, str, str]]:
        """Return the frame around each value: the text before it, the value, and the text after it."""
        before, _, after = row.text.partition(SLOTS[row.kind])
        values = self.values.of(row.property, row.entity_type)
        fillings = self.values.lists(values) if row.kind == "say_many" else values
        return [(before, value, after) for value in fillings]
