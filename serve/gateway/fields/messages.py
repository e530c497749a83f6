"""Messages of a chat: roles, texts and images, within the limits of a request."""

from typing import Any

from serve.gateway.errors import RefusedError, wrong_field
from serve.gateway.fields.checks import Check, boolean, check_fields, one_of, text
from serve.gateway.images.budget import Budget, refused
from serve.gateway.settings import Settings

MAX_MESSAGES = 1024
MAX_PARTS = 256
ROLES = frozenset(("system", "user", "assistant"))
DATA_URL = "data:image/"
BASE64 = ";base64,"
HEAD = 60
"""Characters in which the head of a data URL ends."""
ECHOED = ("refusal", "audio", "annotations", "reasoning", "function_call", "tool_calls")
"""Fields of answers, which clients send back as they came. They have nothing here."""


class Messages:
    """The check of messages, one request after another.

    Args:
        settings: limits of texts and images.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.begin(Budget(settings))
        self._fields: dict[str, Check] = {
            "role": one_of(ROLES),
            "content": self._content,
            "name": text(64),
            **dict.fromkeys(ECHOED, _only_null),
        }
        self._parts: dict[str, dict[str, Check]] = {
            "text": {"type": boolean, "text": self.text},
            "image_url": {"type": boolean, "image_url": self._image},
        }
        for fields in self._parts.values():
            fields["type"] = one_of(self._parts)

    def begin(self, budget: Budget) -> None:
        """Begin a request, whose images the budget counts."""
        self._budget = budget
        self._characters = 0

    def check(self, name: str, value: Any) -> None:
        """Refuse messages that are not served."""
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_MESSAGES:
            raise wrong_field(name, f"is not a list of 1 to {MAX_MESSAGES} messages")
        for number, message in enumerate(value):
            place = f"{name}[{number}]"
            if not isinstance(message, dict) or message.get("role") is None:
                raise wrong_field(place, "is not an object with a role")
            check_fields(f"{place}.", message, self._fields)
            if "content" not in message:
                raise wrong_field(f"{place}.content", "is missing")
            if message["role"] != "user" and _has_image(message["content"]):
                raise wrong_field(f"{place}.content", "has an image, which only messages of the user have")

    def text(self, name: str, value: Any) -> None:
        """Count the characters of a text."""
        if not isinstance(value, str):
            raise wrong_field(name, "is not a text")
        self._characters += len(value)
        if self._characters > self._settings.max_text:
            message = f"The texts have more than {self._settings.max_text:,} characters. Send less text."
            raise RefusedError(400, "text", message, param=name)

    def _content(self, name: str, value: Any) -> None:
        if isinstance(value, str):
            self.text(name, value)
            return
        if not isinstance(value, list) or not 1 <= len(value) <= MAX_PARTS:
            raise wrong_field(name, f"is neither a text nor a list of 1 to {MAX_PARTS} parts")
        for number, part in enumerate(value):
            place = f"{name}[{number}]"
            kind = part.get("type") if isinstance(part, dict) else None
            fields = self._parts.get(kind) if isinstance(kind, str) else None
            if fields is None:
                raise wrong_field(f"{place}.type", "is not text or image_url")
            check_fields(f"{place}.", part, fields)
            if kind not in part:
                raise wrong_field(f"{place}.{kind}", "is missing")

    def _image(self, name: str, value: Any) -> None:
        if not isinstance(value, dict) or not isinstance(value.get("url"), str):
            raise wrong_field(name, "is not an object with a url")
        check_fields(f"{name}.", value, {"url": self._url, "detail": one_of(("auto", "low", "high"))})

    def _url(self, name: str, value: Any) -> None:
        """Refuse a URL by its form. Its content is checked where it is read."""
        self._budget.add_image()
        head, comma, _ = value[:HEAD].partition(",")
        if head[: len(DATA_URL)].lower() == DATA_URL and comma and f"{head},".lower().endswith(BASE64):
            self._budget.add_bytes((len(value) - len(head) - 1) * 3 // 4 - value.endswith("=") - value.endswith("=="))
            return
        if self._settings.media_domains and head[:7].lower() in ("http://", "https:/"):
            return
        allowed = "" if not self._settings.media_domains else ", or of a host that the server allows"
        raise refused(f"{name} is not a data URL of an image in base64{allowed}. Send the image in the request.")


def _has_image(content: Any) -> bool:
    return isinstance(content, list) and any(part["type"] == "image_url" for part in content)


def _only_null(name: str, value: Any) -> None:
    if value not in ([], ""):
        raise wrong_field(name, "is not null")
