"""The page of `pcult data report`: contents, samples, rejections, licenses and audit of an export, in one file.

The page needs no network, and its policy (CSP) lets nothing run: texts of the data set are hostile until escaped.
"""

import functools
import itertools
from typing import Any

import duckdb
import jinja2

from factory.audit import audit, rows
from factory.audit.headline import GUESSERS
from factory.reference import published
from factory.report import counts, models, samples
from pangea_cultural.dataset.export import Export
from pangea_cultural.dataset.sql import images
from pangea_cultural.dataset.tables import IMAGES
from pangea_cultural.reference import own_tables
from pangea_cultural.utils import pages
from pangea_cultural.utils.pages import item_address, web_address

PACKAGE = "factory.report"
DISTINCT = {"language": "languages", "region": "regions", "property": "properties"}
MAX_GROUPS = 40
"""Groups of the audit on the page, the worst first."""


def render(export: Export, *, rejections: list[dict[str, Any]] | None, number: int, seed: int) -> str:
    """Return the page about an export.

    Args:
        export: the data set.
        rejections: rejections of the store by stage, unit and reason; None without a store.
        number: sampled rows of each language.
        seed: seed of the sample.
    """
    with own_tables.using(published.tables_of(export.manifest)):
        content = _content(export, number=number, seed=seed)
    style = pages.read(PACKAGE, "page.css")
    allowed = f"style-src '{pages.policy_hash(style)}'; img-src data:"
    text = _template().render(
        content,
        rejections=rejections and _by_stage(rejections),
        manifest=export.manifest,
        style=style,
        policy=f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'",
    )
    return text.strip() + "\n"


def _content(export: Export, *, number: int, seed: int) -> dict[str, Any]:
    held_out = export.held_out_languages
    with rows.opened(export.path, held_out_languages=tuple(held_out), seed=seed) as connection:
        connection.execute(f"CREATE VIEW image AS {images(export.path / IMAGES)}")
        languages = counts.by_language(connection, held_out)
        sampled = samples.with_images(connection, samples.draw(connection, number=number, seed=seed), export)
        return {
            "totals": _totals(connection),
            "splits": counts.by_split(connection),
            "languages": languages,
            "held_out": counts.language_titles(held_out),
            "tables": [
                ("Regions", "region", counts.by_region(connection)),
                ("Properties", "property", counts.by_property(connection)),
                ("Entity types", "entity type", counts.by_entity_type(connection)),
            ],
            "licenses": counts.licenses(connection),
            "models": models.read(connection, export, seed=seed),
            "statement_licenses": _statement_licenses(connection, export),
            "samples": [(row, [s for s in sampled if s["language"] == row["name"]]) for row in languages],
            "audit": audit.audit(export.path, held_out_languages=tuple(held_out), seed=seed),
            "guessers": GUESSERS,
            "max_groups": MAX_GROUPS,
        }


def _statement_licenses(connection: duckdb.DuckDBPyConnection, export: Export) -> list[dict[str, Any]]:
    path = export.statements_file
    return counts.statement_licenses(connection, path) if path else []


def _by_stage(rejections: list[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Return the rejections of each stage, in the given order. Jinja's own `groupby` sorts."""
    return [(stage, list(rows)) for stage, rows in itertools.groupby(rejections, key=lambda row: row["stage"])]


def _totals(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    distinct = ", ".join(f"count(DISTINCT nullif({column}, '')) AS {name}" for column, name in DISTINCT.items())
    return connection.sql(f"SELECT {counts.COUNTS}, {distinct} FROM file_row").to_arrow_table().to_pylist()[0]


@functools.cache
def _template() -> jinja2.Template:
    return pages.template(
        PACKAGE, "page.html", web_address=web_address, item=item_address, percent=lambda share: f"{100 * share:.1f}"
    )
