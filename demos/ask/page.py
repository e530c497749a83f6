"""The demo page: an image, a language, a question, and the answer as it comes."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

# Before the import: Gradio would otherwise tell its makers that it was started.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

import gradio as gr
from PIL import Image

from demos.ask.examples import Examples
from pangea_cultural.endpoint.client import Endpoint
from pangea_cultural.errors import UserError
from pangea_cultural.reference.languages import language, languages

MAX_UPLOAD = "20mb"
MAX_PIXELS = 50_000_000
MAX_QUESTION = 1000
NO_ANSWER = "(The model ended without a word.)"
RIGHT_TO_LEFT = "right-to-left"
CSS = """
.gradio-container { width: 100% !important; max-width: 1080px !important; margin: 0 auto !important; }
#gallery .grid-container { grid-template-columns: repeat(auto-fill, minmax(84px, 1fr)) !important; }
.right-to-left textarea { direction: rtl; text-align: right; }
#answer textarea { font-size: 1.25rem; }
footer { display: none !important; }
"""


def page(
    endpoint_url: str, examples: Examples, *, model: str, notes: list[str], api_key: str | None = None
) -> gr.Blocks:
    """The page for an endpoint.

    Args:
        endpoint_url: base of the API, ending in /v1.
        examples: images and questions to try.
        model: the model's name, to be shown.
        notes: what to know about the model, one sentence each.
        api_key: where the endpoint asks for one.
    """
    codes = examples.languages or list(languages())
    first = "en" if "en" in codes else codes[0]

    async def answer(image: str | None, question: str) -> AsyncIterator[str]:
        if not image:
            raise gr.Error("Choose or upload an image first.", print_exception=False)
        if not question.strip():
            raise gr.Error("Write a question, or choose one of the examples.", print_exception=False)
        if len(question) > MAX_QUESTION:
            raise gr.Error(f"The question is too long: at most {MAX_QUESTION} characters.", print_exception=False)
        said = ""
        try:
            content = checked(Path(image))
            async with Endpoint(endpoint_url, api_key=api_key, model=model) as endpoint:
                async for piece in endpoint.stream(content, question.strip()):
                    said += piece
                    yield said
            if not said.strip():
                yield NO_ANSWER
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from error

    def in_language(code: str, image: str | None, chosen: str | None) -> tuple[gr.Dropdown, gr.Textbox, gr.Textbox]:
        asked = examples.ask(chosen if image else None, code)
        side = [RIGHT_TO_LEFT] if language(code).direction == "rtl" else []
        return (
            gr.Dropdown(choices=asked, value=asked[0] if asked else None),
            gr.Textbox(value=asked[0] if asked else "", elem_classes=side),
            gr.Textbox(value="", elem_classes=side),
        )

    def choose(event: gr.SelectData, code: str) -> tuple[str, str, gr.Dropdown, gr.Textbox, gr.Textbox]:
        path = str(examples.images[event.index])
        return path, path, *in_language(code, path, path)

    with gr.Blocks(title="CulturalPangea", analytics_enabled=False) as blocks:
        gr.Markdown(f"# CulturalPangea\nAsk `{model}` about an image.")
        chosen = gr.State(None)
        with gr.Row():
            with gr.Column(min_width=300):
                image = gr.Image(
                    type="filepath", label="Image", height=300, sources=["upload", "clipboard"], elem_id="image"
                )
                if examples.images:
                    gr.Markdown("Or one that training has not seen:")
                    gallery = gr.Gallery(
                        [str(path) for path in examples.images],
                        show_label=False,
                        height=260,
                        object_fit="contain",
                        allow_preview=False,
                        interactive=False,
                        buttons=[],
                        elem_id="gallery",
                    )
            with gr.Column(min_width=300):
                code = gr.Dropdown(
                    choices=[(_name(c, examples.held_out), c) for c in codes], value=first, label="Language"
                )
                start = examples.ask(None, first)
                suggested = gr.Dropdown(choices=start, value=start[0] if start else None, label="Questions to try")
                question = gr.Textbox(
                    value=start[0] if start else "",
                    label="Question",
                    lines=2,
                    max_length=MAX_QUESTION,
                    elem_id="question",
                )
                ask = gr.Button("Ask", variant="primary", elem_id="ask")
                # Plain text: what a model says is never rendered as Markdown or HTML.
                said = gr.Textbox(label="Answer", interactive=False, lines=2, elem_id="answer")
        if notes:
            gr.Markdown("### About this model\n" + "".join(f"- {note}\n" for note in notes))
        gr.on([ask.click, question.submit], answer, [image, question], said, concurrency_limit=8)
        code.change(in_language, [code, image, chosen], [suggested, question, said])
        suggested.input(lambda text: text, suggested, question)
        if examples.images:
            gallery.select(choose, [code], [image, chosen, suggested, question, said])
    return blocks


def _name(code: str, held_out: list[str]) -> str:
    row = language(code)
    remarks = [row.name] * (row.name != row.native) + ["held out"] * (code in held_out)
    return f"{row.native} ({', '.join(remarks)})" if remarks else row.native


def checked(image: Path) -> bytes:
    """The content of an image that someone has uploaded.

    Raises:
        UserError: it has too many pixels, or is no image.
    """
    try:
        with Image.open(image) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise UserError("The image has too many pixels: make it smaller.")
            opened.verify()
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise UserError("This file is not a readable image.") from error
    return image.read_bytes()


def launch(blocks: gr.Blocks, *, host: str, port: int, allowed: list[Path]) -> str:
    """Start the page in the background and give its address.

    Args:
        blocks: the page.
        host: address to listen on.
        port: TCP port.
        allowed: folders whose images the page may show.

    Raises:
        UserError: the port is in use.
    """
    try:
        _, url, _ = blocks.launch(
            server_name=host,
            server_port=port,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
            max_file_size=MAX_UPLOAD,
            allowed_paths=[str(path) for path in allowed],
            # System fonts: the page must look the same without a network.
            theme=gr.themes.Soft(primary_hue="emerald", font=["system-ui", "sans-serif"], font_mono=["monospace"]),
            css=CSS,
            footer_links=[],
        )
    except OSError as error:
        raise UserError(f"port {port} is in use: choose another with --port") from error
    return url
