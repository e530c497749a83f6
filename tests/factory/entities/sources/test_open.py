"""Equal entities give equal rows through every source of a recipe."""

import orjson
import pytest

from factory.entities import stage
from factory.entities.sources.open import open_sources
from factory.recipe import Recipe
from factory.store.store import Store
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Reporter
from tests.helpers import wikibase
from tests.helpers.sample_documents import SAMPLE
from tests.helpers.servers import rdf_export
from tests.helpers.servers.wikibase_server import WikibaseServer

TABLES = {
    "entity": "SELECT * EXCLUDE (source) FROM entity ORDER BY ALL",
    "entity_region": "SELECT * FROM entity_region ORDER BY ALL",
    "claim": "SELECT * FROM claim ORDER BY ALL",
    "label": "SELECT entity, language, text FROM label ORDER BY ALL",
}


def thing(name, region, **claims):
    """Return an entity with every type of value, in a region, with a photo."""
    statements = {
        "P17": [wikibase.statement(wikibase.item(region))],
        "P18": [wikibase.statement(wikibase.string(f"{name} (façade), 1.jpg"))],
        "P571": [wikibase.statement(moment) for moment in wikibase.TIMES],
        "P2048": [wikibase.statement(amount) for amount in wikibase.QUANTITIES],
        "P625": [wikibase.statement(wikibase.coordinate(35.1, 139.2))],
    }
    labels = (("en", f"thing {name}"), ("mul", name), ("zh-hant", "東西"), ("nb", "ting"))
    return wikibase.document(name, statements | claims, labels=labels)


def on_commons(title):
    """Return the sitelinks of an entity with a page on Commons."""
    links = {"commonswiki": title, "enwiki": "Category:Not this one"}
    return {"sitelinks": {site: {"site": site, "title": title, "badges": []} for site, title in links.items()}}


def citizen(name, birthplace, states):
    """Return a person with citizenships."""
    claims = {"P17": [], "P31": ["Q5"], "P19": [birthplace], "P27": states}
    return thing(
        name,
        "Q17",
        **{key: [wikibase.statement(wikibase.item(q)) for q in ids] for key, ids in claims.items()},
    )


WRITTEN = [
    thing("Q990001", "Q17"),
    thing(
        "Q990002",
        "Q29999",
        P84=[
            wikibase.statement("somevalue", "preferred"),
            wikibase.statement(wikibase.item("Q990009")),
        ],
    ),
    thing("Q990003", "Q17", P17=[wikibase.statement(wikibase.item("Q17"), "deprecated")]),
    thing("Q990004", "Q15180"),  # the Soviet Union has several regions, so it has no link
    thing(
        "Q990005",
        "Q17",
        P17=[],
        P31=[wikibase.statement(wikibase.item("Q5"))],
        P19=[wikibase.statement(wikibase.item("Q990008"))],
    ),
    thing("Q990006", "Q17", P18=[]),
    citizen("Q990013", "Q990008", states=["Q15180"]),
    citizen("Q990014", "Q990008", states=["Q15180", "Q30"]),  # the United States are not a region
    citizen("Q990015", "Q990009", states=["Q34266", "Q15180"]),  # the birthplace has no country
    thing("Q990016", "Q17", P84=[wikibase.statement(wikibase.item("Q990015"))]),
    wikibase.document("Q990008", {"P17": [wikibase.statement(wikibase.item("Q142"))]}, labels=(("fr", "Ville"),)),
    wikibase.document("Q990009", {}, labels=(("en", "Architect"), ("de", "Architektin")))
    | on_commons("Category:Architect"),
    thing("Q990010", "Q17", P18=[]) | on_commons("Category:Façade “10”"),
    thing("Q990011", "Q17", P18=[]) | on_commons("Gallery"),
    thing("Q990012", "Q17", P18=[], P373=[wikibase.statement(wikibase.string("Old"))]) | on_commons("Category:New"),
]
DOCUMENTS = [*SAMPLE, *WRITTEN]


def recipe(*sources, private_hosts=()):
    retry = {"base_s": 0.001, "tries": 3}
    network = {"private_hosts": list(private_hosts), "retry": retry}
    return Recipe.model_validate({"name": "sources", "sources": list(sources), "network": network})


def rows(folder, recipe):
    """Run the stage with a recipe, and return the rows of its tables."""
    with Store.open(folder / f"{len(list(folder.iterdir()))}.duckdb") as store:
        inputs, kept = stage.run(store, recipe.sources, recipe.network, recipe.scope, Reporter(quiet=True))
        rejected = store.value("SELECT coalesce(sum(items), 0) FROM rejection WHERE reason NOT LIKE 'claim:%'")
        assert kept + rejected == inputs, "documents are neither kept nor rejected"
        return {name: store.rows(sql) for name, sql in TABLES.items()}


def dump_line(row):
    """Return a document with the keys of dumps in their order, so that it can be skipped without parsing."""
    content = {"sitelinks": {}} | row | {"descriptions": {}, "aliases": {}}
    keys = ("type", "id", "labels", "descriptions", "aliases", "claims", "sitelinks", "lastrevid")
    return orjson.dumps({key: content[key] for key in keys if key in content})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    (folder / "dump.json").write_bytes(b"[\n" + b",\n".join(map(dump_line, DOCUMENTS)) + b"\n]\n")
    return folder


@pytest.fixture(scope="module")
def dump_rows(folder):
    return rows(folder, recipe({"type": "dump", "path": folder / "dump.json"}))


def test_dump_gives_rows_of_every_type(dump_rows):
    value_types = {row[6] for row in dump_rows["claim"]}
    assert {"item", "time", "quantity", "string"} <= value_types
    links = {(row[0], row[1]): row[2] for row in dump_rows["entity_region"]}
    assert links["Q990002", "netherlands"] == "P17" and links["Q990005", "france"] == "P19/P17"
    assert not {"Q990003", "Q990004", "Q990006", "Q990011"} & {name for name, _ in links}
    assert links["Q990013", "france"] == "P19/P17"
    selected = {row[0]: row[1] for row in dump_rows["entity"]}
    assert "Q990014" not in selected and selected["Q990015"] is False, "a value without questions"
    assert ("Q990015", "en", "thing Q990015") in dump_rows["label"]
    categories = {row[:2]: row[5] for row in dump_rows["claim"] if row[1] in ("P373", "commonswiki")}
    assert categories["Q990010", "commonswiki"] == "Façade “10”"
    assert (categories["Q990012", "P373"], categories["Q990012", "commonswiki"]) == ("Old", "New")


def test_files_give_the_rows_of_the_dump(folder, dump_rows):
    files = folder / "files"
    files.mkdir()
    for number, row in enumerate(DOCUMENTS):
        content = {"entities": {row["id"]: row}} if number % 2 else row
        (files / f"{row['id']}.json").write_bytes(orjson.dumps(content))
    assert rows(folder, recipe({"type": "files", "path": files})) == dump_rows


def test_sparql_gives_the_rows_of_the_dump(folder, dump_rows, oxigraph):
    oxigraph.load(rdf_export.triples(DOCUMENTS))
    source = {"type": "sparql", "url": oxigraph.url, "pause_s": 0}
    assert rows(folder, recipe(source, private_hosts=[oxigraph.host])) == dump_rows


def test_api_gives_the_rows_of_the_dump(folder, dump_rows):
    with WikibaseServer(DOCUMENTS).running() as server:
        source = {"type": "api", "url": server.url, "ids": [row["id"] for row in DOCUMENTS]}
        assert rows(folder, recipe(source, private_hosts=[server.host])) == dump_rows
        assert max(map(len, server.calls)) == 50


def test_sparql_with_api_documents_gives_the_rows_of_the_dump(folder, dump_rows, oxigraph):
    oxigraph.load(rdf_export.triples(DOCUMENTS))
    with WikibaseServer(DOCUMENTS).running() as server:
        source = {"type": "sparql", "url": oxigraph.url, "pause_s": 0, "api_url": server.url}
        assert rows(folder, recipe(source, private_hosts=[oxigraph.host, server.host])) == dump_rows


def test_network_settings_come_from_the_recipe():
    sparql = {"type": "sparql", "pause_s": 2, "batch": 20}
    network = {"contact": "me@example.org"}
    settings = Recipe.model_validate({"name": "r", "sources": [sparql, sparql], "network": network})
    with open_sources(settings.sources, settings.network, settings.scope) as (first, second):
        assert (first.batch, first.endpoint.limits.pause_s) == (20, 2)
        assert [first.name, second.name] == ["sparql query.wikidata.org (1)", "sparql query.wikidata.org (2)"]


def test_sparql_source_at_wikimedia_requires_a_contact_before_any_work():
    anonymous = recipe({"type": "sparql"})
    opening = open_sources(anonymous.sources, anonymous.network, anonymous.scope)
    with pytest.raises(UserError, match="--contact"), opening:
        pass
