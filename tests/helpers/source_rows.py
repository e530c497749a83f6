"""Rows of training sources, and functions that read them in tests."""

from pydantic import TypeAdapter

from pangea_cultural.dataset.sources.rejections import ReadReport
from pangea_cultural.training.data.sources.config import Source
from pangea_cultural.training.data.sources.open import SourceContext, open_source
from pangea_cultural.utils.console import Reporter


class RecordedRead:
    """Callbacks of a reader that record rejections, notes and progress."""

    def __init__(self):
        report, self.steps = ReadReport(), []
        self.callbacks = report.callbacks(self.steps.append)
        self.rejected, self.notes = report.rejected, report.notes


class NoteReporter(Reporter):
    """A quiet reporter that keeps its notes."""

    def __init__(self):
        super().__init__(quiet=True)
        self.notes = []

    def note(self, text):
        self.notes.append(text)


def messages(*texts):
    """Return messages of human and gpt in turn."""
    return [{"from": ("human", "gpt")[n % 2], "value": text} for n, text in enumerate(texts)]


def chat_object(**fields):
    """Return a valid LLaVA chat object, with some fields replaced."""
    conversation = messages("<image>\nWas?", "Das.")
    return {"id": "a", "image": "1.png", "language": "de", "conversations": conversation} | fields


def culturalground_object(**fields):
    """Return a chat row of CulturalGround as published, with some fields replaced."""
    conversation = messages('<image>\n"Which town is this?"', '"The town is Espoo."')
    row = {"id": "Q1_None", "image": "Images/japan/1.jpg", "language": "iw", "conversations": conversation}
    return row | fields


def parse_source(**fields):
    """Return a source from the keys of its table."""
    return TypeAdapter(Source).validate_python(fields)


def open_corpus(workspace, recipe_languages=(), held_out_languages=(), reporter=None, **fields):
    """Open a source with index 1; the corpora are in the workspace's folder `cache`."""
    context = SourceContext(
        workspace,
        workspace / "cache",
        reporter or NoteReporter(),
        tuple(recipe_languages),
        frozenset(held_out_languages),
    )
    return open_source(parse_source(**fields), context, 1)


def conversations(corpus):
    """Return all conversations of a corpus, in group order."""
    return [one for index in range(corpus.num_groups) for one in corpus.group(index).conversations]
