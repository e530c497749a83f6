"""Prompts of the rewriting, by version."""

import functools
import re
from dataclasses import dataclass
from importlib import resources
from typing import Any

from pangea_cultural.config import read_toml
from pangea_cultural.errors import unknown
from pangea_cultural.reference.languages import language

FOLDER = resources.files("factory.refine") / "prompts"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"question": {"type": "string"}, "sentence": {"type": "string"}},
    "required": ["question", "sentence"],
    "additionalProperties": False,
}
"""JSON schema of an answer."""
CHINESE = {"zh": "Simplified Chinese", "zh-hant": "Traditional Chinese, as in Taiwan"}


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """One version of the prompt. The first message is the same for all questions of a language: servers cache it."""

    system: str
    user: str

    @property
    def rules(self) -> str:
        """Text without the question, which answers must not repeat."""
        return self.system + re.sub(r"\{\w+\}", "", self.user)

    def messages(self, code: str, question: str, sentence: str, keep: list[str]) -> list[dict[str, Any]]:
        """Return the conversation for a question.

        Args:
            code: language, or `zh-hant`.
            question: the question.
            sentence: the sentence that answers it.
            keep: words of the sentence that must not change.
        """
        row = language(code.partition("-")[0])
        name = CHINESE.get(code, row.name)
        system = self.system.replace("{language}", name).replace("{native}", row.native)
        # One by one: a question can contain the slot of another text.
        head, _, tail = self.user.partition("{question}")
        middle, _, end = tail.partition("{sentence}")
        before, _, after = end.partition("{keep}")
        user = f"{head}{question}{middle}{sentence}{before}{'; '.join(keep)}{after}"
        return [{"role": "system", "content": system.strip()}, {"role": "user", "content": user.strip()}]


@functools.cache
def load(version: str) -> Prompt:
    """Return a version of the prompt.

    Raises:
        UserError: there is no such version.
    """
    known = versions()
    if version not in known:
        raise unknown("prompt version", version, known)
    content = read_toml(FOLDER / f"{version}.toml")
    return Prompt(system=content["system"], user=content["user"])


def versions() -> list[str]:
    """Return the versions."""
    return sorted(file.name.removesuffix(".toml") for file in FOLDER.iterdir() if file.name.endswith(".toml"))
