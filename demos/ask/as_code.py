"""The request of a question as a shell command and as Python, for people who want to ask from a program."""

import json
import pprint
import shlex
from typing import Any

from demos.ask.answers import Target
from demos.ask.conversation import Turn, with_first
from pangea_cultural.endpoint.client import MAX_TOKENS
from pangea_cultural.endpoint.messages import about_url

_PLACE = "data:image/jpeg;base64,"


def _messages(turns: list[Turn], url: Any) -> list[dict[str, Any]]:
    return with_first(about_url(url, turns[0]["content"]), turns)


def curl(target: Target, turns: list[Turn]) -> str:
    """Return a shell command that sends image.jpg with the questions. No text of a visitor can end its quotes.

    The content goes through a pipe, because a command line is too short for most images.
    """
    mark = "<image.jpg>"
    # The messages come first, because later texts may contain the mark.
    fields = {"messages": _messages(turns, mark), "model": target.model, "max_tokens": MAX_TOKENS, "temperature": 0}
    before, _, after = json.dumps(fields, ensure_ascii=False).partition(mark)
    key = '-H "Authorization: Bearer $API_KEY" ' if target.api_key else ""
    return (
        f"{{ printf %s {shlex.quote(before + _PLACE)}; base64 -w0 image.jpg; printf %s {shlex.quote(after)}; }} |\n"
        f"  curl {shlex.quote(target.url + '/chat/completions')} {key}-H 'Content-Type: application/json' -d @-"
    )


def python(target: Target, turns: list[Turn]) -> str:
    """Return a Python program that sends image.jpg with the questions by the client of OpenAI."""
    messages = pprint.pformat(_messages(turns, _Name("image")), width=100, sort_dicts=False)
    key = 'os.environ["API_KEY"]' if target.api_key else '"none"'
    needed = "import base64\nimport os\n" if target.api_key else "import base64\n"
    return f"""{needed}
from openai import OpenAI

with open("image.jpg", "rb") as file:
    image = {_PLACE!r} + base64.b64encode(file.read()).decode()
client = OpenAI(base_url={target.url!r}, api_key={key})
answer = client.chat.completions.create(
    model={target.model!r},
    max_tokens={MAX_TOKENS},
    temperature=0,
    messages={messages},
)
print(answer.choices[0].message.content)
"""


class _Name:
    """A name in generated code."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name
