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
from demos.ask.running import Running
from demos.ask.uploads import LARGEST_UPLOAD, UNOPENED
from demos.ask.visit import Visit

PRIVATE: dict[str, Any] = {"api_visibility": "private"}
"""No event can be called as an API of the page."""
AT_A_TIME = 8
"""Answers of a chat that run at the same time. Further visitors wait in a queue."""
AFTER: dict[str, Any] = {"trigger_mode": "multiple"}
"""Option of an event that must not be left out while an earlier one of its kind ends."""
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
        picked, asked, running = gr.State(None), gr.State(None), gr.State(Running())
        _languages(blocks, part, visit, picked)
        _images(blocks, part, visit, picked, running)
        _answers(part, visit, picked, asked, running)
        _options(part, visit, picked)
    return blocks


def _languages(blocks: gr.Blocks, part: Layout, visit: Visit, picked: gr.State) -> None:
    """Switch the language of the interface at the first load and when a visitor chooses another one."""
    wanted = gr.Textbox(visible=False)
    started = blocks.load(texts.preferred, wanted, part.code, js="() => window.pcultLanguages()", **PRIVATE)
    started.then(None, part.code, None, js=DIRECTION, **PRIVATE)
    # Without a change of the language, no other event shows them.
    first = [part.code, picked]
    started.then(lambda code, chosen: visit.suggestions(chosen, code), first, _suggested(part), **PRIVATE)
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
    return [found for pane in part.panes for found in (pane.chat, pane.note, pane.again)]


def _images(blocks: gr.Blocks, part: Layout, visit: Visit, picked: gr.State, running: gr.State) -> None:
    """Show the gallery, and drop old answers when the image changes: those that run end first."""
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
    changed = [part.image, picked, *_suggested(part), *[pane.history for pane in part.panes]]
    chosen = part.gallery.select(visit.pick, [part.names, part.code, running], changed, **PRIVATE)
    uploaded = part.image.input(visit.upload, [part.image, part.code, running], changed, **UNOPENED, **PRIVATE)
    removed = part.image.clear(functools.partial(visit.upload, None), [part.code, running], changed, **PRIVATE)
    for event in (chosen, uploaded, removed):
        event.then(visit.emptied, None, _emptied(part), **AFTER, **PRIVATE)


def _answers(part: Layout, visit: Visit, picked: gr.State, asked: gr.State, running: gr.State) -> None:
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
            [running, part.image, field, *others],
            outputs,
            **UNOPENED,
            **hidden,
        )
        for triggers, field in ((written, part.question), (chosen, part.examples))
    ]
    for number, pane in enumerate(part.panes):
        inputs = [asked, pane.history, part.code, running]
        answered = [pane.chat, pane.history, pane.note, pane.again]
        limits: dict[str, Any] = {"concurrency_limit": AT_A_TIME, "concurrency_id": f"pane-{number}", **AFTER}
        for begin in begins:
            begin.then(visit.answer(number), inputs, answered, **limits, **hidden)
        pane.again.click(visit.answer(number, again=True), inputs, answered, **limits, **hidden)
        pane.again.click(visit.untrained, part.code, part.note, **hidden)
    part.stop.click(visit.stopped, [part.code, running], part.note, **hidden)
    cleared = part.clear.click(visit.clear, running, [part.note, *[pane.history for pane in part.panes]], **hidden)
    cleared.then(visit.emptied, None, _emptied(part), **AFTER, **hidden)
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
