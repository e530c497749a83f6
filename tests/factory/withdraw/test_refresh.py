"""`pcult data refresh` with servers like Commons and Wikidata, up to the withdrawal of what it proposes."""

import dataclasses

import orjson
import pytest

from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import Export
from tests.factory.images.test_stage import FILES, RECIPE
from tests.factory.knowledge import dishes
from tests.factory.withdraw.test_withdraw import rows, withdraw
from tests.helpers import world
from tests.helpers.servers.commons_server import CommonsServer
from tests.helpers.servers.wikibase_server import WikibaseServer

SOURCE = '\n[[sources]]\ntype = "api"\nurl = "{url}"\nids = {ids}\n'
CASTLES = [f"Q900{number}" for number in range(6)]


@pytest.fixture
def services():
    documents = [row for row in world.documents() if row["id"] in (*CASTLES, *world.COUNTRIES)]
    with CommonsServer(FILES) as commons, WikibaseServer(documents).running() as wikibase:
        yield commons, wikibase


@pytest.fixture
def built(services, tmp_path):
    """Return recipe and workspace of a finished build."""
    commons, wikibase = services
    recipe = tmp_path / "recipe.toml"
    hosts = orjson.dumps([*commons.hosts, wikibase.host]).decode()
    text = RECIPE.format(api=commons.api, hosts=hosts).replace("[network.retry]", "[network.retry]\ntries = 2")
    recipe.write_text(text + SOURCE.format(url=wikibase.url, ids=orjson.dumps(CASTLES).decode()))
    world.build(recipe, tmp_path / "workspace")
    return recipe, tmp_path / "workspace"


def change(commons, wikibase):
    """Let both wikis change after the build."""
    files = commons.files
    del files["Castle 0 b.png"]
    files["Castle 0 new.png"] = dataclasses.replace(files.pop("Castle 0 a.png"), title="Castle 0 new.png")
    files["Castle 0 new.png"] = dataclasses.replace(files["Castle 0 new.png"], image="Castle 0 a.png")
    commons.redirects["Castle 0 a.png"] = "Castle 0 new.png"
    files["Castle 1 b.png"] = dataclasses.replace(files["Castle 1 b.png"], image="another content")
    free = files["Castle 1 c.png"]
    files["Castle 1 c.png"] = dataclasses.replace(free, license="cc-by-nc-4.0", license_name="CC BY-NC 4.0")
    files["Castle 2 b.png"] = dataclasses.replace(
        files["Castle 2 b.png"], license="cc-by-4.0", license_name="CC BY 4.0"
    )
    documents = wikibase.documents
    del documents["Q9005"]
    deprecated = documents["Q9000"]["claims"] | {"P571": [world.year(1600) | {"rank": "deprecated"}]}
    documents["Q9000"] = documents["Q9000"] | {"claims": deprecated, "lastrevid": 900}
    reverted = documents["Q9001"]["labels"] | {"en": {"language": "en", "value": "Castle One"}}
    documents["Q9001"] = documents["Q9001"] | {
        "claims": {"P17": [world.item("Q142")]},
        "labels": reverted,
        "lastrevid": 901,
    }
    # Castle 2 was merged into castle 4, which has none of its claims.
    del documents["Q9002"]
    wikibase.redirects["Q9002"] = "Q9004"
    # An unchanged revision is not read, whatever the document has.
    documents["Q9004"] = documents["Q9004"] | {"claims": {}}


def refresh(recipe, workspace):
    return world.pcult_json("data", "refresh", "--recipe", recipe, "--workspace", workspace, "--quiet")


def test_changes_become_proposals_and_the_next_build_follows_them(services, built):
    recipe, workspace = built
    unchanged = refresh(recipe, workspace)
    assert (unchanged["findings"], unchanged["counts"]) == ([], {}) and unchanged["asked"] == 15
    change(*services)
    result = refresh(recipe, workspace)
    proposed = {row["subject"]: row["finding"] for row in result["findings"] if row["proposed"]}
    assert proposed == {
        "File:Castle 0 b.png": "file deleted",
        "File:Castle 1 b.png": "content replaced",
        "File:Castle 1 c.png": "license not free or unknown",
        "Q9005": "entity deleted",
        "Q9000 P571 +1600-00-00T00:00:00Z/9/Q1985727": "claim deprecated",
        "Q9001 P571 +1601-00-00T00:00:00Z/9/Q1985727": "claim gone",
        "Q9002 P17 Q183": "claim gone",
        "Q9002 P571 +1602-00-00T00:00:00Z/9/Q1985727": "claim gone",
    }
    listed = [(row["finding"], row["subject"], row["detail"]) for row in result["findings"] if not row["proposed"]]
    assert ("label changed", "Q9001", "en: Castle 1, now Castle One") in listed
    assert ("entity merged", "Q9002", "Q9004") in listed
    notes = {subject: (finding, detail) for finding, subject, detail in listed}
    assert notes["File:Castle 0 a.png"] == ("file renamed", "Castle 0 new.png")
    assert notes["File:Castle 2 b.png"] == ("license changed", "cc-by-3.0, now cc-by-4.0")
    assert {name for name, note in notes.items() if note[0] == "revision changed"} == {
        "Q9000",
        "Q9001",
        "Q9002",
    }

    withdraw(workspace, "--list", result["list"])
    world.build(recipe, workspace)
    assert check(Export.open(workspace / "exports/castles")) == []
    files = [file for (file,) in rows(workspace, "SELECT file FROM image WHERE file LIKE 'Castle 1%'")]
    assert files == ["Castle 1 b.png"], "the new content of a replaced file is used"
    assert rows(workspace, "SELECT count(*) FROM question_key WHERE entity IN ('Q9005') OR property = 'P571'") != [(0,)]
    assert rows(workspace, "SELECT count(*) FROM question_key WHERE property = 'P571' AND entity < 'Q9002'") == [(0,)]


def test_a_failed_request_is_no_deletion_and_the_same_command_resumes(services, built):
    commons, wikibase = services
    recipe, workspace = built
    commons.faults["api"] = ["503!"]
    arguments = ("data", "refresh", "--recipe", recipe, "--workspace", workspace, "--quiet")
    assert "Run the same command again to resume." in world.error_of(*arguments)
    commons.faults["api"] = []
    wikibase.faults += [{"entities": {"Q9000": {"id": "Q9000"}}, "success": 1}]
    assert "does not answer about Q" in world.error_of(*arguments)
    asked = len(commons.paths(commons.api_port))
    # A kill cut the last line.
    progress = workspace / "refresh.jsonl"
    progress.write_bytes(progress.read_bytes() + b'{"answered": ["Q9000"], "fou')
    result = refresh(recipe, workspace)
    assert len(commons.paths(commons.api_port)) == asked, "files are not asked again"
    assert result["findings"] == [] and not progress.exists()


def test_answers_from_before_a_build_are_forgotten(services, built):
    commons, wikibase = services
    recipe, workspace = built
    wikibase.faults += [{"entities": {}, "success": 1}]
    arguments = ("data", "refresh", "--recipe", recipe, "--workspace", workspace, "--quiet")
    assert "does not answer about Q" in world.error_of(*arguments)
    asked = len(commons.paths(commons.api_port))
    withdraw(workspace, "--image", "File:Castle 0 a.png")
    world.build(recipe, workspace)
    assert refresh(recipe, workspace)["findings"] == []
    assert len(commons.paths(commons.api_port)) > asked, "files are asked again"


def test_a_busy_wiki_is_asked_again(services, built):
    commons, wikibase = services
    wikibase.faults += [{"error": {"code": "maxlag", "info": "Waiting for a database server: 7 seconds lagged"}}]
    commons.faults["api"] = ["429"]
    result = refresh(*built)
    assert result["findings"] == [] and result["asked"] == 15
    assert len(wikibase.calls[-1]) > 1, "many entities are one call"


def test_a_wiki_is_not_asked_about_own_entities(services, tmp_path):
    commons, wikibase = services
    hosts = orjson.dumps([*commons.hosts, wikibase.host]).decode()
    wikis = f'[[images.sources]]\ntype = "commons"\napi = "{commons.api}"\n[network]\nprivate_hosts = {hosts}\n'
    source = SOURCE.format(url=wikibase.url, ids=orjson.dumps(CASTLES).decode())
    text = dishes.RECIPE.replace('"mexico"', '"mexico", "japan"').replace('"since"', '"since", "P571"')
    recipe = dishes.write(tmp_path / "in", recipe=text.replace("[tables]", f"{wikis}{source}[tables]"), number=4)
    world.build(recipe, tmp_path / "workspace")
    shown = {entity[:2] for (entity,) in rows(tmp_path / "workspace", "SELECT DISTINCT entity FROM entity_image")}
    assert shown == {"x:", "Q9"}, "there are own entities to ask about"
    wikibase.calls.clear()
    result = refresh(recipe, tmp_path / "workspace")
    assert result["findings"] == []
    assert {name[0] for call in wikibase.calls for name in call} == {"Q"}


def test_wikimedia_is_not_asked_without_a_contact(castles):
    message = world.error_of("data", "refresh", "--workspace", castles / "workspace")
    assert "requires a contact. Give --contact or set PCULT_CONTACT." in message
