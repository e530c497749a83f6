"""The components of the page, in their places. Their texts come from the switch of languages."""

import functools
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gradio as gr

from demos.ask import panels, texts
from demos.ask.gallery import Gallery
from demos.ask.options import MOST, MOST_CHARACTERS
from demos.ask.switch import Switch
from demos.browse import facts
from pangea_cultural.reference.languages import language
from pangea_cultural.reference.regions import regions

MAX_QUESTION = 1000
LIVE = "live"
"""Class of parts whose changes a screen reader speaks."""


@dataclass
class Pane:
    """One chat, with the sentence under it and the button that answers again."""

    chat: gr.Chatbot
    history: gr.State
    note: gr.HTML
    again: gr.Button
    column: gr.Column


@dataclass
class Layout:
    """All components that events use."""

    switch: Switch = field(default_factory=Switch)
    code: Any = None
    image: Any = None
    filters: list[Any] = field(default_factory=list)
    gallery: Any = None
    names: Any = None
    start: Any = None
    place: Any = None
    previous: Any = None
    next: Any = None
    examples: Any = None
    question: Any = None
    ask: Any = None
    stop: Any = None
    clear: Any = None
    note: Any = None
    panes: list[Pane] = field(default_factory=list)
    facts: Any = None
    other: Any = None
    other_question: Any = None
    options: Any = None
    options_ask: Any = None
    options_result: Any = None
    curl: Any = None
    python: Any = None


def language_choices(code: str, trained: list[str]) -> list[tuple[str, str]]:
    """Return the languages for a dropdown, the trained ones first, others with a mark.

    Args:
        code: language of the mark.
        trained: codes of the model's languages; empty if they are not known.
    """
    found = []
    for other in sorted(texts.codes(), key=lambda other: bool(trained) and other not in trained):
        row = language(other)
        names = row.native if row.native == row.name else f"{row.native} ({row.name})"
        mark = f" - {texts.text(code, 'not_trained')}" if trained and other not in trained else ""
        found.append((names + mark, other))
    return found


def filter_choices(code: str, column: str, values: list[str], store: Path | None) -> list[tuple[str, str]]:
    """Return the values of a filter for a dropdown, after one for all.

    Args:
        code: language of the names.
        column: column of the gallery.
        values: its values.
        store: the factory's store, with the names of regions in other languages than English; None if there is none.
    """
    known = {value: regions()[value] for value in values if value in regions()} if column == "region" else {}
    labels = facts.labels(store, [row.qid for row in known.values()], code) if code != texts.FIRST else {}
    names = {value: labels.get(row.qid, row.name) for value, row in known.items()}
    named = sorted((names.get(value) or _value_name(column, value), value) for value in values)
    return [(texts.text(code, "all"), ""), *named]


def _value_name(column: str, value: str) -> str:
    if column == "language":
        return language(value).native
    return value if column == "export" else value.replace("_", " ").capitalize()


def build(
    gallery: Gallery, models: list[str], trained: list[str], notes: list[str], store: Path | None = None
) -> Layout:
    """Add all components to the page that is being made.

    Args:
        gallery: images of exports.
        models: names of the models that are asked, the first one first.
        trained: codes of the first model's languages; empty if they are not known.
        notes: facts about the models, one sentence each.
        store: the factory's store; None if there is none.
    """
    part = Layout()
    with gr.Row(elem_id="top"):
        part.switch.add(gr.HTML, lambda code: {"value": panels.header(code, models[0])}, elem_id="head")
        part.code = part.switch.add(
            gr.Dropdown,
            lambda code: {"choices": language_choices(code, trained), "label": texts.text(code, "language")},
            value=texts.FIRST,
            elem_id="language",
            min_width=220,
            scale=0,
        )
    with gr.Row(elem_id="main"):
        with gr.Column(min_width=300, scale=4):
            _images(part, gallery, store)
        with gr.Column(min_width=300, scale=6):
            _chats(part, models)
            _question(part)
            _more(part, trained, notes)
    return part


def _images(part: Layout, gallery: Gallery, store: Path | None) -> None:
    """Add the field for an image and the gallery, which is hidden if there are no exports."""
    switch = part.switch
    part.image = switch.texts(
        gr.Image,
        {"label": "image", "placeholder": "image_hint", "alt_text": "image"},
        type="filepath",
        height=280,
        sources=["upload", "clipboard", "webcam"],
        webcam_options=gr.WebcamOptions(mirror=False),
        buttons=[],
        elem_id="image",
    )
    part.names, part.start = gr.State([]), gr.State(0)
    with switch.texts(gr.Accordion, {"label": "gallery"}, visible=bool(gallery.exports), elem_id="gallery-part"):
        switch.add(gr.HTML, lambda code: {"value": panels.note(texts.text(code, "gallery_hint"))})
        with gr.Row(elem_id="filters"):
            _filters(part, gallery, store)
        part.gallery = switch.texts(
            gr.Gallery,
            {"label": "gallery"},
            show_label=False,
            height=250,
            object_fit="contain",
            allow_preview=False,
            interactive=False,
            buttons=[],
            elem_id="gallery",
        )
        with gr.Row(elem_id="pages"):
            part.previous = switch.texts(gr.Button, {"value": "previous"}, size="sm", min_width=80, elem_id="previous")
            part.place = gr.HTML(elem_id="place")
            part.next = switch.texts(gr.Button, {"value": "next"}, size="sm", min_width=80, elem_id="next")


def _filters(part: Layout, gallery: Gallery, store: Path | None) -> None:
    names = {"export": "data_set", "region": "region", "entity_type": "type", "language": "language"}
    for column, name in names.items():
        values = gallery.values(column)
        dropdown = part.switch.add(
            gr.Dropdown,
            functools.partial(_filter, column, values, name, store),
            value="",
            min_width=110,
            visible=column != "export" or len(values) > 1,
            elem_id=f"by-{column}",
        )
        part.filters.append(dropdown)


def _filter(column: str, values: list[str], name: str, store: Path | None, code: str) -> dict[str, Any]:
    return {"choices": filter_choices(code, column, values, store), "label": texts.text(code, name)}


def _chats(part: Layout, models: list[str]) -> None:
    """Add a chat for each model, and a hidden one for a second language."""
    with gr.Row(elem_id="chats"):
        for number, model in enumerate([*models, ""]):
            is_extra = not model
            with gr.Column(min_width=250, visible=not is_extra, elem_classes=["pane"]) as column:
                chat = part.switch.add(
                    gr.Chatbot,
                    functools.partial(_chat, "" if is_extra or len(models) == 1 else model),
                    height=300,
                    # Texts of models are escaped, and not rendered as Markdown or LaTeX.
                    render_markdown=False,
                    latex_delimiters=[],
                    buttons=[],
                    elem_id=f"chat-{number}",
                    elem_classes=["chat"],
                )
                note = gr.HTML(elem_id=f"note-{number}", elem_classes=[LIVE])
                again = part.switch.texts(
                    gr.Button, {"value": "again"}, size="sm", visible=False, min_width=80, elem_id=f"again-{number}"
                )
            part.panes.append(Pane(chat, gr.State([]), note, again, column))


def _chat(name: str, code: str) -> dict[str, Any]:
    return {
        "label": name or texts.text(code, "answers"),
        "placeholder": panels.note(texts.text(code, "answers_hint")),
        "rtl": texts.is_rtl(code),
    }


def _question(part: Layout) -> None:
    switch = part.switch
    part.examples = switch.texts(gr.Radio, {"label": "examples"}, directed=True, choices=[], elem_id="examples")
    part.question = switch.texts(
        gr.Textbox,
        {"label": "question", "placeholder": "question_hint"},
        directed=True,
        max_lines=5,
        max_length=MAX_QUESTION,
        elem_id="question",
    )
    part.note = gr.HTML(elem_id="note", elem_classes=[LIVE])
    with gr.Row(elem_id="buttons"):
        part.ask = switch.texts(gr.Button, {"value": "ask"}, variant="primary", min_width=100, elem_id="ask")
        part.stop = switch.texts(gr.Button, {"value": "stop"}, min_width=80, elem_id="stop")
        part.clear = switch.texts(gr.Button, {"value": "clear"}, min_width=80, elem_id="clear")


def _more(part: Layout, trained: list[str], notes: list[str]) -> None:
    """Add the folded parts below the question."""
    switch = part.switch

    def folded(name: str) -> Any:
        return switch.texts(gr.Accordion, {"label": name}, open=False, elem_id=f"{name.replace('_', '-')}-part")

    with folded("facts"):
        part.facts = gr.HTML(elem_id="facts")
    with folded("other_language"):
        part.other = switch.add(gr.Dropdown, functools.partial(_others, trained), value="", elem_id="other-language")
        part.other_question = switch.texts(
            gr.Textbox, {"label": "other_question"}, max_lines=5, max_length=MAX_QUESTION, elem_id="other-question"
        )
    with folded("options"):
        limit = MOST * (MOST_CHARACTERS + 1)
        part.options = switch.texts(
            gr.Textbox, {"label": "options_hint"}, directed=True, lines=4, max_length=limit, elem_id="options"
        )
        part.options_ask = switch.texts(gr.Button, {"value": "options_ask"}, size="sm", elem_id="options-ask")
        part.options_result = gr.HTML(elem_id="options-result", elem_classes=[LIVE])
    with folded("code"):
        # Code is read from left to right in all languages.
        fixed: dict[str, Any] = {"interactive": False, "lines": 3, "max_lines": 10, "buttons": ["copy"]}
        part.curl = gr.Textbox(label="curl", elem_id="curl", **fixed)
        part.python = gr.Textbox(label="Python", elem_id="python", **fixed)
    with folded("about"):
        gr.HTML(panels.notes(notes), elem_id="about")


def _others(trained: list[str], code: str) -> dict[str, Any]:
    none = (texts.text(code, "none"), "")
    return {"choices": [none, *language_choices(code, trained)], "label": texts.text(code, "language")}
