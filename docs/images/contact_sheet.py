"""Draw a contact sheet of an export's questions as SVG: one image, question and answer per language.

Run after `pcult quickstart` or `pcult build sample`:

    python docs/images/contact_sheet.py pcult-workspace/exports/sample docs/images/questions.svg

Only images under CC0 are chosen, so that the sheet needs no attribution. The text is drawn by the fonts of the reader.
"""

import base64
import random
from pathlib import Path
from xml.sax.saxutils import escape

import click

from pangea_cultural.dataset.export import Export
from pangea_cultural.reference.languages import language

LANGUAGES = ("en", "ar", "hi", "ja", "ko", "ru", "zh", "vi", "tr", "es", "nl", "uk")
COLUMNS, WIDTH, HEIGHT = 3, 330, 128
WIDE = ("ja", "ko", "zh")
"""Languages whose letters are about twice as wide as Latin ones."""


@click.command()
@click.argument("export", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.argument("target", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--seed", default=33, show_default=True)
def main(export: Path, target: Path, seed: int) -> None:
    """Write the contact sheet of EXPORT to TARGET."""
    opened = Export.open(export)
    free = {row["image"]: row["source"] for row in opened.images().to_pylist() if row["license_code"] == "cc0-1.0"}
    rows = [row for row in opened.table("test").to_pylist() if row["image"] in free and row["question_type"] == "open"]
    generator = random.Random(seed)
    chosen: list[dict] = []
    for index, code in enumerate(LANGUAGES):
        folder = ("landmarks/", "flags/")[index % 2]
        entities = {row["entity"] for row in chosen}
        in_language = [row for row in rows if row["language"] == code and row["entity"] not in entities]
        chosen.append(generator.choice([row for row in in_language if folder in free[row["image"]]]))
    cards = [_card(opened, row, index) for index, row in enumerate(chosen)]
    height = HEIGHT * -(-len(cards) // COLUMNS)
    target.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH * COLUMNS}" height="{height}" '
        f'viewBox="0 0 {WIDTH * COLUMNS} {height}" font-family="system-ui, sans-serif">'
        f'<title>Questions of an export, with their images and answers</title><rect width="100%" height="100%" '
        f'fill="#ffffff"/>{"".join(cards)}</svg>\n',
        encoding="utf-8",
    )


def _card(export: Export, row: dict, index: int) -> str:
    x, y = WIDTH * (index % COLUMNS), HEIGHT * (index // COLUMNS)
    data = base64.b64encode((export.path / row["image"]).read_bytes()).decode()
    held_out = row["language"] in export.held_out_languages
    heading = f"{language(row['language']).name}{' (held out)' if held_out else ''}"
    lines = _wrapped(row["question"], 14 if row["language"] in WIDE else 25)
    # With `rtl`, x is the right end of a line.
    start = f'x="{WIDTH - 16}" direction="rtl"' if language(row["language"]).direction == "rtl" else 'x="120"'
    texts = [f'<text x="120" y="30" font-size="11" fill="#666666">{escape(heading)}</text>']
    for number, line in enumerate(lines):
        texts.append(f'<text {start} y="{50 + 17 * number}" font-size="14" fill="#111111">{escape(line)}</text>')
    answer_y = 54 + 17 * len(lines)
    texts.append(
        f'<text {start} y="{answer_y}" font-size="14" font-weight="bold" fill="#0b6e4f">{escape(row["answer"])}</text>'
    )
    image = f'<image x="10" y="14" width="100" height="100" href="data:image/png;base64,{data}"/>'
    frame = f'<rect x="4" y="4" width="{WIDTH - 8}" height="{HEIGHT - 8}" rx="6" fill="none" stroke="#dddddd"/>'
    return f'<g transform="translate({x} {y})">{frame}{image}{"".join(texts)}</g>'


def _wrapped(text: str, width: int) -> list[str]:
    """Return the text in lines of at most `width` characters; text without spaces is split at any character."""
    words = text.split(" ") if " " in text else list(text)
    space = " " if " " in text else ""
    lines = [""]
    for word in words:
        longer = f"{lines[-1]}{space if lines[-1] else ''}{word}"
        if len(longer) > width and lines[-1]:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


if __name__ == "__main__":
    main()
