"""The switch of the interface's language: which text each component shows."""

from collections.abc import Callable
from typing import Any

import gradio as gr
from gradio.blocks import Block

from demos.ask import texts

Properties = dict[str, Any]


class Switch:
    """Components with the properties that depend on the language."""

    def __init__(self) -> None:
        self.components: list[Block] = []
        self._properties: list[Callable[[str], Properties]] = []

    def add(self, kind: Callable[..., Any], properties: Callable[[str], Properties], **fixed: Any) -> Any:
        """Make a component, and return it.

        Args:
            kind: class of the component.
            properties: returns its properties in a language.
            fixed: properties that do not depend on the language.
        """
        component = kind(**properties(texts.FIRST), **fixed)
        self.components.append(component)
        self._properties.append(properties)
        return component

    def texts(self, kind: Callable[..., Any], names: dict[str, str], *, directed: bool = False, **fixed: Any) -> Any:
        """Make a component whose properties are texts of the table, and return it.

        Args:
            kind: class of the component.
            names: names of texts by property.
            directed: whether it has a property for the direction of its text.
            fixed: properties that do not depend on the language.
        """

        def properties(code: str) -> Properties:
            found: Properties = {name: texts.text(code, text) for name, text in names.items()}
            return found | ({"rtl": texts.is_rtl(code)} if directed else {})

        return self.add(kind, properties, **fixed)

    def updates(self, code: str) -> list[Any]:
        """Return the updates of all components for a language, in their order."""
        return [gr.update(**properties(code)) for properties in self._properties]
