"""A scripted rewriter: it answers with another wording of the templates, which is right and in the language."""

import functools

import orjson

from factory.questions import templates


def parts(body):
    """Return the question, the sentence and the kept words of a request."""
    return [line.partition(": ")[2] for line in body["messages"][-1]["content"].split("\n")]


@functools.cache
def _wordings():
    """Return for each question of a template the other question, and the frames of its answers."""
    found = {}
    for name in templates.file_names():
        file = templates.load(name)
        for row in file.templates:
            if row.kind == "ask":
                others = [other.text for other in file.find(row.property, row.entity_type, "ask") if other != row]
                frames = [frame.text for frame in file.find(row.property, row.entity_type, "say")]
                found.setdefault(row.text, []).append((others, frames))
    return found


def rewritten(question, sentence, keep):
    """Return another wording of a question and its sentence."""
    for others, frames in _wordings()[question]:
        says = [frame.replace("{value}", keep) for frame in frames]
        if sentence in says:
            return others[0], next((say for say in says if say != sentence), sentence)
    return _wordings()[question][0][0][0], sentence  # a list of several values


def answer(question, sentence):
    """Return an answer as the prompt asks for it."""
    return orjson.dumps({"question": question, "sentence": sentence}).decode()


def right(body, number=0):
    """Answer with another wording."""
    return answer(*rewritten(*parts(body)))
