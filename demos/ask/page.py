"""The demo page: a question about an image, in any language, with a streamed answer."""

from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import gradio as gr

from demos import serving
from demos.ask.examples import Examples
from pangea_cultural.endpoint.client import Endpoint
from pangea_cultural.errors import ImageError, UserError
from pangea_cultural.reference.languages import language, languages
from pangea_cultural.utils.images import FILE_TOO_LARGE, TOO_MANY_PIXELS, UNREADABLE, verify

MAX_UPLOAD = "20mb"
MAX_QUESTION = 1000
PROBLEMS = {
    FILE_TOO_LARGE: "The image file is too large. Make it smaller.",
    TOO_MANY_PIXELS: "The image has too many pixels. Make it smaller.",
    UNREADABLE: "This file is not a readable image. Choose another one.",
}
NO_ANSWER = "(The model returned no text.)"
RIGHT_TO_LEFT = "right-to-left"
CSS = """
.gradio-container { width: 100% !important; max-width: 1080px !important; margin: 0 auto !important; }
#gallery .grid-container { grid-template-columns: repeat(auto-fill, minmax(84px, 1fr)) !important; }
.right-to-left textarea { direction: rtl; text-align: right; }
#answer textarea { font-size: 1.25rem; }
footer { display: none !important; }
"""


def page(
    endpoint_url: str,
    examples: Examples,
    *,
    model: str,
    notes: list[str],
    trained: Sequence[str] = (),
    api_key: str | None = None,
) -> gr.Blocks:
    """Return the page for an endpoint.

    Args:
        endpoint_url: base of the API, ending in /v1.
        examples: example images and questions.
        model: the model's name.
        notes: facts about the model, one sentence each.
        trained: codes of the languages of its training, which are offered first; empty if they are not known.
        api_key: the endpoint's key; None if it needs none.
    """
    codes = sorted(examples.languages or languages(), key=lambda code: bool(trained) and code not in trained)

    def suggest(code: str, image: str | None, chosen: str | None) -> tuple[gr.Dropdown, gr.Textbox, gr.Textbox]:
        questions = examples.suggestions(chosen if image else None, code)
        first = questions[0] if questions else None
        classes = [RIGHT_TO_LEFT] if language(code).direction == "rtl" else []
        return (
            gr.Dropdown(choices=questions, value=first),
            gr.Textbox(value=first or "", elem_classes=classes),
            gr.Textbox(value="", elem_classes=classes),
        )

    def choose(event: gr.SelectData, code: str) -> tuple[str, str, gr.Dropdown, gr.Textbox, gr.Textbox]:
        path = str(examples.images[event.index])
        return path, path, *suggest(code, path, path)

    with gr.Blocks(title="CulturalPangea", analytics_enabled=False) as blocks:
        gr.Markdown(f"# CulturalPangea\nAsk `{model}` about an image.")
        chosen = gr.State(None)
        with gr.Row():
            with gr.Column(min_width=300):
                image, gallery = _image_inputs(examples.images)
            with gr.Column(min_width=300):
                code, suggested, question, ask, answer = _question_inputs(examples, codes, trained)
        if notes:
            gr.Markdown("### About this model\n" + "".join(f"- {note}\n" for note in notes))
        answer_question = _answer_function(endpoint_url, model, api_key)
        gr.on([ask.click, question.submit], answer_question, [image, question], answer, concurrency_limit=8)
        code.change(suggest, [code, image, chosen], [suggested, question, answer])
        suggested.input(lambda text: text, suggested, question)
        gallery.select(choose, [code], [image, chosen, suggested, question, answer])
    return blocks


def _answer_function(
    endpoint_url: str, model: str, api_key: str | None
) -> Callable[[str | None, str], AsyncIterator[str]]:
    """Return the function that answers a question about an image file, and yields the growing answer."""

    async def answer_question(image: str | None, question: str) -> AsyncIterator[str]:
        if not image:
            raise gr.Error("Choose or upload an image first.", print_exception=False)
        if not question.strip():
            raise gr.Error("Write a question or choose an example.", print_exception=False)
        if len(question) > MAX_QUESTION:
            raise gr.Error(
                f"The question has more than {MAX_QUESTION:,} characters. Shorten it.", print_exception=False
            )
        answer = ""
        try:
            content = read_upload(Path(image))
            async with Endpoint(endpoint_url, api_key=api_key, model=model) as endpoint:
                async for piece in endpoint.stream(content, question.strip()):
                    answer += piece
                    yield answer
            if not answer.strip():
                yield NO_ANSWER
        except UserError as error:
            raise gr.Error(str(error), print_exception=False) from error

    return answer_question


def _image_inputs(examples: list[Path]) -> tuple[gr.Image, gr.Gallery]:
    """Add the upload field and the gallery of example images, which is hidden if there are none."""
    image = gr.Image(type="filepath", label="Image", height=300, sources=["upload", "clipboard"], elem_id="image")
    gr.Markdown("Or choose an image that the model was not trained on:", visible=bool(examples))
    gallery = gr.Gallery(
        [str(path) for path in examples],
        show_label=False,
        height=260,
        object_fit="contain",
        allow_preview=False,
        interactive=False,
        buttons=[],
        elem_id="gallery",
        visible=bool(examples),
    )
    return image, gallery


def _question_inputs(
    examples: Examples, codes: list[str], trained: Sequence[str]
) -> tuple[gr.Dropdown, gr.Dropdown, gr.Textbox, gr.Button, gr.Textbox]:
    """Add the fields for language, example questions, question and answer, and the button."""
    first = "en" if "en" in codes else codes[0]
    names = [(_language_name(code, examples.held_out, trained), code) for code in codes]
    code = gr.Dropdown(choices=names, value=first, label="Language")
    questions = examples.suggestions(None, first)
    suggested = gr.Dropdown(choices=questions, value=questions[0] if questions else None, label="Example questions")
    question = gr.Textbox(
        value=questions[0] if questions else "",
        label="Question",
        lines=2,
        max_length=MAX_QUESTION,
        elem_id="question",
    )
    ask = gr.Button("Ask", variant="primary", elem_id="ask")
    # Plain text, because an answer must not be rendered as Markdown or HTML.
    answer = gr.Textbox(label="Answer", interactive=False, lines=2, elem_id="answer")
    return code, suggested, question, ask, answer


def _language_name(code: str, held_out: Sequence[str], trained: Sequence[str]) -> str:
    """Return a language's name in that language, with remarks: `Nederlands (Dutch, held out)`."""
    row = language(code)
    remarks = [row.name] * (row.name != row.native)
    if code in held_out:
        remarks.append("held out")
    elif trained and code not in trained:
        remarks.append("not trained")
    return f"{row.native} ({', '.join(remarks)})" if remarks else row.native


def read_upload(image: Path) -> bytes:
    """Return the content of an uploaded image.

    Raises:
        UserError: the image cannot be used.
    """
    content = image.read_bytes()
    try:
        verify(content)
    except ImageError as error:
        raise UserError(PROBLEMS[error.reason]) from error
    return content


def launch(blocks: gr.Blocks, *, host: str, port: int, allowed: list[Path]) -> str:
    """Start the page in the background and return its address. Arguments and errors are those of `serving.launch`."""
    theme = serving.theme()
    return serving.launch(blocks, host=host, port=port, allowed=allowed, css=CSS, theme=theme, max_file_size=MAX_UPLOAD)
