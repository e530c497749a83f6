"""Three sources, and one of files: the same entities give the same rows through each."""

from importlib import resources

import orjson
import pytest

from factory.entities import stage as ingest
from factory.entities.sources.open import open_sources
from factory.recipe import Recipe
from factory.store.store import Store
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Reporter
from tests.helpers import rdf_export, wikibase
from tests.helpers.wikibase_server import WikibaseServer

SAMPLE = [
    orjson.loads(line)
    for line in resources.files("factory").joinpath("sample/entities.jsonl").read_text("utf-8").splitlines()
]
TABLES = {
    "entity": "SELECT * EXCLUDE (source) FROM entity ORDER BY ALL",
    "entity_region": "SELECT * FROM entity_region ORDER BY ALL",
    "claim": "SELECT * FROM claim ORDER BY ALL",
    "label": "SELECT entity, language, text FROM label ORDER BY ALL",
}


def thing(name, region, **claims):
    """An entity with every kind of value, in a region, with a photo."""
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
    links = {"commonswiki": title, "enwiki": "Category:Not this one"}
    return {"sitelinks": {site: {"site": site, "title": title, "badges": []} for site, title in links.items()}}


def citizen(name, birthplace, states):
    """A person of some states."""
    claims = {"P17": [], "P31": ["Q5"], "P19": [birthplace], "P27": states}
    return thing(
        name,
        "Q17",
        **{key: [wikibase.statement(wikibase.item(q)) for q in ids] for key, ids in claims.items()},
    )


MADE = [
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
    thing("Q990004", "Q15180"),  # the Soviet Union: of several regions, so of none
    thing(
        "Q990005",
        "Q17",
        P17=[],
        P31=[wikibase.statement(wikibase.item("Q5"))],
        P19=[wikibase.statement(wikibase.item("Q990008"))],
    ),
    thing("Q990006", "Q17", P18=[]),
    citizen("Q990013", "Q990008", states=["Q15180"]),
    citizen("Q990014", "Q990008", states=["Q15180", "Q30"]),  # of the United States, which are no region
    citizen("Q990015", "Q990009", states=["Q34266", "Q15180"]),  # whose birthplace is nowhere
    thing("Q990016", "Q17", P84=[wikibase.statement(wikibase.item("Q990015"))]),
    wikibase.document("Q990008", {"P17": [wikibase.statement(wikibase.item("Q142"))]}, labels=(("fr", "Ville"),)),
    wikibase.document("Q990009", {}, labels=(("en", "Architect"), ("de", "Architektin")))
    | on_commons("Category:Architect"),
    thing("Q990010", "Q17", P18=[]) | on_commons("Category:Façade “10”"),
    thing("Q990011", "Q17", P18=[]) | on_commons("Gallery"),
    thing("Q990012", "Q17", P18=[], P373=[wikibase.statement(wikibase.string("Old"))]) | on_commons("Category:New"),
]
DOCUMENTS = [*SAMPLE, *MADE]


def recipe(*sources, private_hosts=()):
    retry = {"base_s": 0.001, "tries": 3}
    network = {"private_hosts": list(private_hosts), "retry": retry}
    return Recipe.model_validate({"name": "sources", "sources": list(sources), "network": network})


def rows(folder, plan):
    with Store.open(folder / f"{len(list(folder.iterdir()))}.duckdb") as store:
        inputs, kept = ingest.run(store, plan.sources, plan.network, plan.scope, Reporter(quiet=True))
        rejected = store.value("SELECT coalesce(sum(items), 0) FROM rejection WHERE reason NOT LIKE 'claim:%'")
        assert kept + rejected == inputs, "nothing vanishes"
        return {name: store.rows(sql) for name, sql in TABLES.items()}


def as_dumped(row):
    """A document with the keys of dumps, in their order: one that is passed over is not parsed then."""
    content = {"sitelinks": {}} | row | {"descriptions": {}, "aliases": {}}
    keys = ("type", "id", "labels", "descriptions", "aliases", "claims", "sitelinks", "lastrevid")
    return orjson.dumps({key: content[key] for key in keys if key in content})


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    made = tmp_path_factory.mktemp("sources")
    (made / "dump.json").write_bytes(b"[\n" + b",\n".join(map(as_dumped, DOCUMENTS)) + b"\n]\n")
    return made


@pytest.fixture(scope="module")
def through_the_dump(folder):
    return rows(folder, recipe({"type": "dump", "path": folder / "dump.json"}))


def test_the_dump_gives_something_of_every_kind(through_the_dump):
    kinds = {row[6] for row in through_the_dump["claim"]}
    assert {"item", "time", "quantity", "string"} <= kinds
    links = {(row[0], row[1]): row[2] for row in through_the_dump["entity_region"]}
    assert links["Q990002", "netherlands"] == "P17" and links["Q990005", "france"] == "P19/P17"
    assert not {"Q990003", "Q990004", "Q990006", "Q990011"} & {name for name, _ in links}
    assert links["Q990013", "france"] == "P19/P17"
    selected = {row[0]: row[1] for row in through_the_dump["entity"]}
    assert "Q990014" not in selected and selected["Q990015"] is False, "an answer, not asked about"
    assert ("Q990015", "en", "thing Q990015") in through_the_dump["label"]
    categories = {row[:2]: row[5] for row in through_the_dump["claim"] if row[1] in ("P373", "commonswiki")}
    assert categories["Q990010", "commonswiki"] == "Façade “10”"
    assert (categories["Q990012", "P373"], categories["Q990012", "commonswiki"]) == ("Old", "New")


def test_files_give_the_same_rows(folder, through_the_dump):
    files = folder / "files"
    files.mkdir()
    for number, row in enumerate(DOCUMENTS):
        content = {"entities": {row["id"]: row}} if number % 2 else row
        (files / f"{row['id']}.json").write_bytes(orjson.dumps(content))
    assert rows(folder, recipe({"type": "files", "path": files})) == through_the_dump


def test_sparql_gives_the_same_rows(folder, through_the_dump, oxigraph):
    oxigraph.load(rdf_export.triples(DOCUMENTS))
    source = {"type": "sparql", "url": oxigraph.url, "pause_s": 0}
    assert rows(folder, recipe(source, private_hosts=[oxigraph.host])) == through_the_dump


def test_the_api_gives_the_same_rows(folder, through_the_dump):
    with WikibaseServer(DOCUMENTS).running() as server:
        source = {"type": "api", "url": server.url, "ids": [row["id"] for row in DOCUMENTS]}
        assert rows(folder, recipe(source, private_hosts=[server.host])) == through_the_dump
        assert max(map(len, server.calls)) == 50


def test_sparql_with_documents_of_the_api_gives_the_same_rows(folder, through_the_dump, oxigraph):
    oxigraph.load(rdf_export.triples(DOCUMENTS))
    with WikibaseServer(DOCUMENTS).running() as server:
        source = {"type": "sparql", "url": oxigraph.url, "pause_s": 0, "api_url": server.url}
        assert rows(folder, recipe(source, private_hosts=[oxigraph.host, server.host])) == through_the_dump


def documents_of(server, *ids):
    plan = recipe({"type": "api", "url": server.url, "ids": ["Q1"]}, private_hosts=[server.host])
    with open_sources(plan.sources, plan.network, plan.scope) as (source,):
        return dict(source.documents(ids))


def test_redirects_deleted_and_impossible_ids_each_have_an_answer():
    with WikibaseServer(MADE, redirects={"Q3": "Q990001"}).running() as server:
        found = documents_of(server, "Q990009", "Q3", "Q4", "L5", "Q990008")
    assert [row.get("id") for row in found.values()] == ["Q990009", "Q990001", "Q4", "L5", "Q990008"]
    assert "missing" in found["Q4"] and "missing" in found["L5"]


def test_a_lagging_api_is_asked_again():
    with WikibaseServer(MADE).running() as server:
        server.faults.append({"error": {"code": "maxlag", "info": "Waiting for all: 3.45 seconds lagged."}})
        assert documents_of(server, "Q990009")["Q990009"]["labels"]["en"]["value"] == "Architect"


def test_an_api_that_refuses_ends_the_build_in_one_line():
    with WikibaseServer(MADE).running() as server:
        server.faults += [{"error": {"code": "permissiondenied", "info": "no"}}] * 5
        with pytest.raises(UserError, match="API error: permissiondenied"):
            documents_of(server, "Q990009")


def test_wikimedia_is_not_asked_anonymously():
    plan = recipe({"type": "api", "ids": ["Q1"]})
    opening = open_sources(plan.sources, plan.network, plan.scope)
    with pytest.raises(UserError, match="--contact"), opening as (source,):
        list(source.documents(["Q1"]))
