"""The browser's page: filters, images of the matching rows, one row in detail, and marks."""

import html
from importlib import resources
from pathlib import Path
from typing import Any

import gradio as gr

from demos import serving
from demos.browse import card, facts
from demos.browse.reviews import COMMENT, Reviews
from demos.browse.rows import FILTERS, Rows
from demos.records import Row
from pangea_cultural.reference.languages import languages

NUMBER = 24
"""Rows of a page."""
TITLES = {
    "split": "Split",
    "language": "Language",
    "region": "Region",
    "property": "Property",
    "entity_type": "Entity type",
    "question_type": "Question type",
    "license": "License",
}
NO_ROW = "<p>No row matches. Choose fewer filters.</p>"


class Browser:
    """The functions behind the page. They keep nothing between calls: the page sends what it shows."""

    def __init__(self, rows: Rows, *, store: Path | None, reviews: Reviews) -> None:
        self.rows, self.store, self.reviews = rows, store, reviews

    def search(self, text: str, start: int, *values: str) -> tuple[Any, ...]:
        """Return the images, the line above them, the shown rows and the first row in detail."""
        chosen = {"text": text or "", **dict(zip(FILTERS, (value or "" for value in values), strict=True))}
        count = self.rows.count(chosen)
        start = 0 if start >= count else max(0, start)
        found = self.rows.page(chosen, start=start, number=NUMBER)
        line = f"Rows {start + 1:,} to {start + len(found):,} of {count:,}" if found else "No rows"
        shown = [(row, path) for row in found if (path := self._image(row))]
        images, names = [(path, row["question"]) for row, path in shown], [row["id"] for row, _ in shown]
        return (gr.Gallery(images), line, start, names, *self.show(found[0] if found else None))

    def select(self, names: list[str], event: gr.SelectData) -> tuple[Any, ...]:
        """Return the chosen row in detail."""
        found = self.rows.ids(names[event.index : event.index + 1])
        return self.show(next(iter(found.values()), None))

    def show(self, row: Row | None) -> tuple[Any, ...]:
        """Return the image, the card, the id and an empty comment."""
        if row is None:
            return None, NO_ROW, "", ""
        known = facts.read(self.store, row["entity"], row["language"])
        text = card.render(row, credit=self.rows.credit(row["image"]), facts=known, marks=self.reviews.of(row["id"]))
        return self._image(row), text, row["id"], ""

    def _image(self, row: Row) -> str | None:
        """Return the path of a row's image; None if the row has none, or names a file outside the export."""
        path = self.rows.export.file(row["image"], below="images") if row["image"] else None
        return str(path) if path else None

    def mark(self, name: str, mark: Any, reader: str, comment: str) -> tuple[Any, ...]:
        """Store a mark. Return the row with it, and the button of the list."""
        row = self.rows.ids([name]).get(name) if name else None
        if row is None:
            raise gr.Error("Choose a row first.", print_exception=False)
        try:
            self.reviews.add(row, mark, reader=reader, comment=comment)
        except OSError as error:
            raise gr.Error(f"The mark was not stored ({error.strerror}).", print_exception=False) from error
        return *self.show(row), gr.DownloadButton(value=str(self.reviews.listed), interactive=True)


def page(browser: Browser, *, withdrawn: str = "") -> gr.Blocks:
    """Return the page of a browser.

    Args:
        browser: the functions behind it.
        withdrawn: withdrawals that the export has, for a notice; empty for none.
    """
    title = browser.rows.export.path.name
    with gr.Blocks(title=f"Data set {title}", analytics_enabled=False, delete_cache=(600, 3600)) as blocks:
        gr.Markdown(f"# Data set `{title}`")
        if withdrawn:
            gr.HTML(f"<p role='alert'>This export has withdrawn data: {html.escape(withdrawn)}. Build it again.</p>")
        filters = _filters(browser.rows)
        text = gr.Textbox(label="Text or entity", placeholder="words of question or answer, or Q42", max_length=200)
        start, names = gr.State(0), gr.State([])
        with gr.Row():
            with gr.Column(min_width=300):
                line, before, after, gallery = _list()
            with gr.Column(min_width=300):
                image, detail, current, reader, comment, right, wrong, download = _detail(browser.reviews)
        found = [gallery, line, start, names, image, detail, current, comment]
        search = browser.search
        shown = [image, detail, current, comment]
        first = [text, gr.Number(0, visible=False), *filters]
        private: dict[str, Any] = {"api_visibility": "private"}
        gr.on([blocks.load, text.submit, *(f.change for f in filters)], search, first, found, **private)
        inputs = [text, start, *filters]
        before.click(lambda t, at, *v: search(t, at - NUMBER, *v), inputs, found, **private)
        after.click(lambda t, at, *v: search(t, at + NUMBER, *v), inputs, found, **private)
        gallery.select(browser.select, [names], shown, **private)
        marking = [current, reader, comment]
        marked = [*shown, download]
        right.click(lambda n, r, c: browser.mark(n, "right", r, c), marking, marked, **private)
        wrong.click(lambda n, r, c: browser.mark(n, "wrong", r, c), marking, marked, **private)
    return blocks


def _filters(rows: Rows) -> list[gr.Dropdown]:
    names = languages()
    found = []
    with gr.Row():
        for column in FILTERS:
            options = [("all", "")]
            for value, count in rows.values(column):
                name = names[value].name if column == "language" and value in names else value or "none"
                options += [(f"{name} ({count:,})", value)] if value else []
            found.append(gr.Dropdown(options, value="", label=TITLES[column], min_width=140, elem_id=f"by-{column}"))
    return found


def _list() -> tuple[gr.Markdown, gr.Button, gr.Button, gr.Gallery]:
    line = gr.Markdown(elem_id="line")
    gallery = gr.Gallery(
        show_label=False,
        height=520,
        object_fit="contain",
        allow_preview=False,
        interactive=False,
        buttons=[],
        elem_id="rows",
    )
    with gr.Row():
        before = gr.Button("Previous", elem_id="previous", min_width=100)
        after = gr.Button("Next", elem_id="next", min_width=100)
    return line, before, after, gallery


def _detail(reviews: Reviews) -> tuple[Any, ...]:
    image = gr.Image(show_label=False, interactive=False, height=320, buttons=["fullscreen"], elem_id="image")
    detail = gr.HTML(elem_id="detail")
    current = gr.State("")
    with gr.Row():
        reader = gr.Textbox(label="Reader", max_length=100, min_width=120, elem_id="reader")
        comment = gr.Textbox(label="Comment", max_length=COMMENT, min_width=200, elem_id="comment")
    with gr.Row():
        right = gr.Button("Right", elem_id="mark-right", min_width=100)
        wrong = gr.Button("Wrong", variant="stop", elem_id="mark-wrong", min_width=100)
        listed = str(reviews.listed) if reviews.listed.is_file() else None
        download = gr.DownloadButton(
            "Review list", value=listed, interactive=listed is not None, elem_id="download", min_width=100
        )
    return image, detail, current, reader, comment, right, wrong, download


def launch(blocks: gr.Blocks, *, host: str, port: int, allowed: list[Path]) -> str:
    """Start the page in the background and return its address. Arguments and errors are those of `serving.launch`."""
    css = resources.files("demos.browse").joinpath("page.css").read_text("utf-8")
    return serving.launch(blocks, host=host, port=port, allowed=allowed, css=css, theme=serving.theme())
