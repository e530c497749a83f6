"""Messages with images, and what is stored about a question whose image is not readable."""

import asyncio
import base64

import pytest

from evalsuite.harness.published_model import PublishedModel, message
from tests.evalsuite.benchmarks.made import jpeg

FIRST, SECOND = jpeg(1), jpeg(2)


def parts(text, images):
    """Return the parts of a message: texts, and the numbers of images."""
    files = {base64.b64encode(image).decode(): number for number, image in enumerate((FIRST, SECOND))}
    return [
        part["text"] if part["type"] == "text" else files[part["image_url"]["url"].split(",")[1]]
        for part in message(text, images)["content"]
    ]


@pytest.mark.parametrize(
    ("text", "images", "expected"),
    [
        ("Who?", [FIRST, SECOND], [0, 1, "Who?"]),
        ("See <image>. Who?", [FIRST], ["See ", 0, ". Who?"]),
        ("<image> and <image>", [FIRST, SECOND], ["", 0, " and ", 1, ""]),
        ("<image> and <image>?", [FIRST], ["", 0, " and ", 0, "?"]),
        ("One <image>", [FIRST, SECOND], ["One ", 0, ""]),
    ],
    ids=["before the text", "in the text", "at the start", "repeated", "left out"],
)
def test_images_stand_where_the_reference_places_them(text, images, expected):
    assert parts(text, images) == expected


def test_question_without_images_is_text():
    assert message("Who is <image>?", []) == {"role": "user", "content": "Who is ?"}


class Silent:
    async def reply(self, message, *, max_tokens, system=""):
        raise AssertionError("nothing is asked")


class Document:
    query = "Who?"
    generation_size = 4

    def __init__(self, item):
        self.specific = {"item": item}


def test_unreadable_image_is_an_error_and_no_answer(tmp_path):
    model = PublishedModel(
        connect=Silent, name="m", answers=tmp_path / "answers.jsonl", bar=None, files=lambda item: [b"no image"]
    )
    stored = asyncio.run(model._answer(Silent(), Document("a")))
    assert stored == {"text": "", "images": [], "error": "image: not a readable image"}
