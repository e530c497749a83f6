"""The demo page: questions about an image, in any language, with streamed answers."""

import functools
from importlib import resources
from pathlib import Path
from typing import Any

import gradio as gr

from demos import serving
from demos.ask import layout, texts
from demos.ask.answers import Target
from demos.ask.gallery import Gallery
from demos.ask.layout import Layout
from demos.ask.uploads import LARGEST_UPLOAD, UNOPENED
from demos.ask.visit import Visit

PRIVATE: dict[str, Any] = {"api_visibility": "private"}
"""No event can be called as an API of the page."""
AT_A_TIME = 8
"""Answers of a chat that run at the same time. Further visitors wait in a queue."""
DIRECTION = (
    f"(code) => window.pcultDirection(code, {[code for code in texts.codes() if texts.is_rtl(code)]}.includes(code))"
)


def page(
    targets: list[Target], gallery: Gallery, *, notes: list[str], trained: list[str] | None = None, store: Path | None
) -> gr.Blocks:
    """Return the page.

    Args:
        targets: the model that is asked, and one to compare it with, if any.
        gallery: images of exports.
        notes: facts about the models, one sentence each.
        trained: codes of the languages of the first model's training; None if they are not known.
        store: the factory's store, with names of entities; None if there is none.
    """
    with gr.Blocks(title="CulturalPangea", analytics_enabled=False, delete_cache=serving.DELETE_CACHE) as blocks:
        part = layout.build(gallery, [target.model for target in targets], trained or [], notes, store)
        visit = Visit(targets, gallery, trained or [], store)
        picked, asked = gr.State(None), gr.State(None)
        _languages(blocks, part, visit, picked)
        _images(blocks, part, visit, picked)
        _answers(part, visit, picked, asked)
        _options(part, visit, picked)
    return blocks


def _languages(blocks: gr.Blocks, part: Layout, visit: Visit, picked: gr.State) -> None:
    """Switch the language of the interface at the first load and when a visitor chooses another one."""
    wanted = gr.Textbox(visible=False)
    started = blocks.load(texts.preferred, wanted, part.code, js="() => window.pcultLanguages()", **PRIVATE)
    started.then(None, part.code, None, js=DIRECTION, **PRIVATE)
    blocks.load(None, None, None, js="() => window.pcultLive()", **PRIVATE)
    part.code.change(None, part.code, None, js=DIRECTION, **PRIVATE)

    def switch(code: str, chosen: Any) -> list[Any]:
        return [*part.switch.updates(code), *visit.suggestions(chosen, code)]

    outputs = [*part.switch.components, *_suggested(part)]
    part.code.change(switch, [part.code, picked], outputs, show_progress="hidden", **PRIVATE)


def _suggested(part: Layout) -> list[Any]:
    """Return the components that depend on the image and the language."""
    return [part.examples, part.note, part.facts, part.options, part.options_result]


def _emptied(part: Layout) -> list[Any]:
    """Return the components of old answers."""
    return [found for pane in part.panes for found in (pane.chat, pane.history, pane.note, pane.again)]


def _images(blocks: gr.Blocks, part: Layout, visit: Visit, picked: gr.State) -> None:
    """Show the gallery, and drop old answers when the image changes."""
    listed = [part.gallery, part.names, part.start, part.place, part.previous, part.next]
    gr.on(
        [blocks.load, *(dropdown.change for dropdown in part.filters)],
        lambda *values: visit.listed(0, *values),
        part.filters,
        listed,
        **PRIVATE,
    )
    inputs = [part.start, *part.filters]
    part.previous.click(lambda at, *values: visit.listed(at, *values, step=-1), inputs, listed, **PRIVATE)
    part.next.click(lambda at, *values: visit.listed(at, *values, step=1), inputs, listed, **PRIVATE)
    changed = [picked, *_suggested(part), *_emptied(part)]
    part.gallery.select(visit.pick, [part.names, part.code], [part.image, *changed], **PRIVATE)
    part.image.input(visit.upload, [part.image, part.code], [part.image, *changed], **UNOPENED, **PRIVATE)
    part.image.clear(lambda code: visit.upload(None, code)[1:], part.code, changed, **PRIVATE)


def _answers(part: Layout, visit: Visit, picked: gr.State, asked: gr.State) -> None:
    """Ask, answer again, stop and clear."""
    hidden: dict[str, Any] = {"show_progress": "hidden", **PRIVATE}
    others = [part.code, part.other, part.other_question, picked, part.panes[0].history]
    code = [part.options, part.curl, part.python]
    emptied = [part.question, part.examples, part.other_question]
    outputs = [asked, *emptied, part.note, *code, part.panes[-1].column, part.panes[-1].chat]
    written, chosen = [part.ask.click, part.question.submit], [part.examples.input]
    begins = [
        gr.on(
            triggers,
            functools.partial(visit.begin, is_example=field is part.examples),
            [part.image, field, *others],
            outputs,
            **UNOPENED,
            **hidden,
        )
        for triggers, field in ((written, part.question), (chosen, part.examples))
    ]
    running = []
    for number, pane in enumerate(part.panes):
        inputs, answered = [asked, pane.history, part.code], [pane.chat, pane.history, pane.note, pane.again]
        limits: dict[str, Any] = {"concurrency_limit": AT_A_TIME, "concurrency_id": f"pane-{number}"}
        for begin in begins:
            running.append(begin.then(visit.answer(number), inputs, answered, **limits, **hidden))
        running.append(pane.again.click(visit.answer(number, again=True), inputs, answered, **limits, **hidden))
    # A new question or image ends the answers that still run.
    for event in (*written, *chosen, part.image.input, part.image.clear, part.gallery.select):
        event(None, cancels=running, **PRIVATE)
    histories = [pane.history for pane in part.panes]
    part.stop.click(visit.stopped, [part.code, *histories], part.note, cancels=running, **PRIVATE)
    part.clear.click(lambda: ("", *visit.emptied()), None, [part.note, *_emptied(part)], cancels=running, **PRIVATE)
    translated = [part.question, part.code, part.other, picked, part.panes[0].history]
    part.other.input(visit.translated, translated, part.other_question, **hidden)


def _options(part: Layout, visit: Visit, picked: gr.State) -> None:
    part.options_ask.click(
        visit.compare,
        [part.image, part.question, part.options, part.code, picked, part.panes[0].history],
        part.options_result,
        concurrency_limit=AT_A_TIME,
        **UNOPENED,
        **PRIVATE,
    )


def launch(
    blocks: gr.Blocks, *, host: str, port: int, allowed: list[Path], hosts: tuple[str, ...] = (), **options: Any
) -> str:
    """Start the page in the background and return its address. Arguments and errors are those of `serving.launch`."""
    files = resources.files("demos.ask")
    return serving.launch(
        blocks,
        host=host,
        port=port,
        allowed=allowed,
        hosts=hosts,
        css=files.joinpath("page.css").read_text("utf-8"),
        head=f"<script>{files.joinpath('page.js').read_text('utf-8')}</script>",
        theme=serving.theme(),
        max_file_size=LARGEST_UPLOAD,
        **options,
    )
