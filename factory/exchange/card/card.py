"""The dataset card, as the Hugging Face hub shows it (https://huggingface.co/docs/hub/datasets-cards)."""

from collections.abc import Callable
from typing import Any

from huggingface_hub import DatasetCardData

from factory.exchange.card.attribution import ATTRIBUTION, COLUMNS, SHOWN, STATED_COLUMNS, Credits
from factory.exchange.card.markdown import escape, table
from factory.exchange.formats.base import Format
from factory.exchange.source import Source
from factory.exchange.target import Target
from pangea_cultural import __version__
from pangea_cultural.dataset.tables import IMAGES, STATEMENTS
from pangea_cultural.reference.languages import languages

CARD = "README.md"
HUB_LICENSES = frozenset(
    {
        *("cc0-1.0", "cc-by-2.0", "cc-by-2.5", "cc-by-3.0", "cc-by-4.0", "cc-by-sa-3.0", "cc-by-sa-4.0"),
        *("gfdl", "apache-2.0", "mit"),
    }
)
"""Licenses with an identifier on the hub (https://huggingface.co/docs/hub/repositories-licenses)."""
SIZES = {
    1_000: "n<1K",
    10_000: "1K<n<10K",
    100_000: "10K<n<100K",
    1_000_000: "100K<n<1M",
    10_000_000: "1M<n<10M",
    100_000_000: "10M<n<100M",
}
"""The hub's names of sizes, by the number of rows that they are below."""
BY_LANGUAGE = """
SELECT language, count(*) FILTER (question_type = 'open') AS open,
       count(*) FILTER (question_type = 'choice') AS choice, bool_or(split = 'train') AS trained
FROM question GROUP BY language ORDER BY language
"""
BY_REGION = (
    "SELECT region, count(*) AS n, count(DISTINCT entity) AS entities FROM question GROUP BY region ORDER BY region"
)

REWRITTEN = """
SELECT rewritten_by, count(*) AS n FROM question WHERE rewritten_by <> '' GROUP BY rewritten_by ORDER BY rewritten_by
"""


def write(
    source: Source, format: Format, credits: Credits, in_words: Callable[[dict[str, Any]], str], target: Target
) -> None:
    """Write the card.

    Args:
        source: the export.
        format: the format of the files.
        credits: counts of licenses.
        in_words: returns the audit of a manifest as one line.
        target: the folder that gets the card.
    """
    manifest = source.export.manifest
    by_language = list(source.rows(BY_LANGUAGE))
    total = sum(manifest["questions"].values())
    more: dict[str, Any] = {"dataset_info": {"features": format.features(source)}} if format.features else {}
    data = DatasetCardData(
        pretty_name=_name(manifest),
        language=[row["language"] for row in by_language],
        license=_hub_licenses(credits),
        task_categories=["visual-question-answering", "image-text-to-text"],
        size_categories=[next((name for limit, name in SIZES.items() if total < limit), "100M<n<1B")],
        tags=["culture", "multilingual", "pangea-cultural"],
        configs=format.configs(source),
        **more,
    )
    sections = [
        f"---\n{data.to_yaml()}\n---\n",
        f"# {escape(_name(manifest))}\n",
        f"Questions about images of culturally significant entities. {format.summary}\n",
        f"## Loading\n\n```python\n{format.snippet.strip()}\n```\n",
        _contents(source, by_language, target),
        _quality(source, in_words),
        _licenses(credits),
        _notes(format),
    ]
    target.write(CARD, "\n".join(sections))


def _hub_licenses(credits: Credits) -> list[str] | None:
    """Return the hub's names of all licenses of images and statements."""
    codes = {*credits.licenses, *credits.statements}
    return sorted({code if code in HUB_LICENSES else "other" for code in codes}) or None


def _name(manifest: dict[str, Any]) -> str:
    return str(manifest["recipe"]["name"])


def _contents(source: Source, by_language: list[dict[str, Any]], target: Target) -> str:
    counts = source.export.manifest["questions"]
    splits = table(["split", "questions"], [[split, counts[split]] for split in source.splits])
    left_out = [f"- Left out: {count:,}, {reason}.\n" for reason, count in sorted(target.left_out.items())]
    known = languages()
    rows = [
        [
            escape(row["language"]),
            escape(known[row["language"]].name) if row["language"] in known else "",
            row["open"],
            row["choice"],
            "yes" if row["trained"] else "no",
        ]
        for row in by_language
    ]
    regions = [[escape(row["region"]) or "none", row["n"], row["entities"]] for row in source.rows(BY_REGION)]
    return "\n".join(
        [
            f"## Contents\n\n{splits}",
            *left_out,
            table(["language", "name", "open", "choice", "in train"], rows),
            table(["region", "questions", "entities"], regions),
        ]
    )


def _quality(source: Source, in_words: Callable[[dict[str, Any]], str]) -> str:
    manifest, rewritten = source.export.manifest, source.rows(REWRITTEN)
    held_out = ", ".join(map(escape, manifest["held_out_languages"])) or "none"
    unreviewed = manifest.get("unreviewed_languages")
    if unreviewed is None:
        read = "It is not known which languages a native speaker has read."
    elif unreviewed:
        read = f"No native speaker has read the templates of: {', '.join(map(escape, unreviewed))}."
    else:
        read = "Native speakers have read the templates of all languages."
    audit = manifest.get("audit")
    audited = "The texts were not audited." if audit is None else escape_sentence(in_words(audit))
    rewriters = [f"- Rewritten by {escape(row['rewritten_by'])}: {row['n']:,} questions.\n" for row in rewritten]
    return (
        f"## Quality\n\n- Held-out languages, without rows in `train`: {held_out}.\n- {read}\n"
        f"{''.join(rewriters)}- {audited}\n"
    )


def escape_sentence(text: str) -> str:
    """Return a text of this project with figures of a manifest, without markup but for code."""
    return text.replace("<", "&lt;").replace("|", "\\|").replace("[", "\\[")


def _licenses(credits: Credits) -> str:
    counts = sorted(credits.licenses.items(), key=lambda pair: (-pair[1], pair[0]))
    lines = [f"## Licenses\n\n{table(['license of the image', 'images'], [[escape(code), n] for code, n in counts])}"]
    if credits.not_free:
        lines.append(f"The license of {sum(credits.not_free.values()):,} images is not known to be free.\n")
    if credits.named:
        more = f"The first {SHOWN} of them:" if credits.named > SHOWN else "They are:"
        lines.append(
            f"Attribution of {credits.named:,} images is needed or not known: [{ATTRIBUTION}]({ATTRIBUTION}) has "
            f"author, license, link and changes. {more}\n\n{table(COLUMNS, credits.first)}"
        )
    lines.append(f"`{IMAGES}` has the origin of every image.\n")
    return "\n".join([*lines, *_facts(credits)])


def _facts(credits: Credits) -> list[str]:
    """Return what the card says about the origin of facts."""
    if not credits.statements:
        return ["Facts are from Wikidata (CC0).\n"]
    counts = sorted(credits.statements.items(), key=lambda pair: (-pair[1], pair[0]))
    lines = [table(["license of the statement", "statements"], [[escape(code), n] for code, n in counts])]
    lines.append(f"`{STATEMENTS}` has source, author and license of every statement of the authors' own knowledge.\n")
    if credits.stated:
        more = f"The first {SHOWN} sources:" if len(credits.stated) > SHOWN else "Their sources:"
        lines.append(f"Licenses ask to name sources. {more}\n\n{table(STATED_COLUMNS, credits.stated[:SHOWN])}")
    return [*lines, "Other facts, if there are any, are from Wikidata (CC0).\n"]


def _notes(format: Format) -> str:
    left_out = ", ".join(f"`{name}`" for name in format.left_out)
    columns = f"This format does not have the columns {left_out}. " if left_out else ""
    return f"{columns}Made with pangea-cultural {__version__}.\n"
