"""Messages as TRL, LLaMA-Factory and ms-swift read them: JSON Lines with `messages` and `images`, and the image files.

The content of a message is a list of parts, so that no text is taken for an image placeholder.
"""

from factory.exchange.formats import base
from factory.exchange.formats.images import copy_images
from factory.exchange.formats.lines import json_members, text_bytes
from factory.exchange.formats.prompts import prompt_and_reply
from factory.exchange.source import Source
from factory.exchange.target import Target

COLUMNS = ("id", "question_type", "language", "region", "entity", "entity_type", "property", "template")
"""Columns of a question that a line has besides the messages."""
LINE = """
concat('{{"messages":[{{"role":"user","content":[',
       CASE WHEN image <> '' THEN '{{"type":"image","text":null}},' ELSE '' END,
       '{{"type":"text","text":', to_json({prompt}),
       '}}]}},{{"role":"assistant","content":[{{"type":"text","text":', to_json({reply}), '}}]}}],"images":[',
       CASE WHEN image <> '' THEN to_json(image)::VARCHAR ELSE '' END, '],',
       {members}, '}}', chr(10)) AS line
"""
"""A line of a file. Texts are joined by hand because nested lists of structs take twice the time."""
SNIPPET = """
from pathlib import Path

from datasets import Image, List, load_dataset

folder = Path.cwd()
data = load_dataset(str(folder))
data = data.map(lambda row: {"images": [str(folder / image) for image in row["images"]]})
data = data.cast_column("images", List(Image()))
"""


def _write(source: Source, target: Target, options: base.Options) -> None:
    prompt, reply = prompt_and_reply(source, options.answer_style)
    members = json_members({name: name for name in COLUMNS})
    columns = LINE.format(prompt=prompt, reply=reply, members=members)
    for split in source.splits:
        with target.open(f"messages-{split}.jsonl") as file:
            for batch in source.batches(columns, split):
                file.write(text_bytes(batch["line"]))
    copy_images(source, target)


FORMAT = base.Format(
    name="messages",
    summary="JSON Lines with `messages` and `images` for TRL and similar trainers, and the image files.",
    write=_write,
    configs=lambda source: [base.config(base.by_split(source, "messages-{split}.jsonl"))],
    snippet=SNIPPET,
    left_out=("answers", "sentence", "choices"),
)
