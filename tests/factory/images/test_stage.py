"""The stage `images` with a Commons server, run by the command line."""

import random

import orjson
import pytest
from click.testing import CliRunner

from factory.images import stage
from factory.images.blocklist import Blocklist
from factory.images.config import ImagesConfig
from factory.store.store import Store
from pangea_cultural.cli import pcult
from pangea_cultural.dataset.check import check
from pangea_cultural.dataset.export import Export
from pangea_cultural.errors import ImageError
from pangea_cultural.utils.console import Reporter
from tests.helpers import world
from tests.helpers.runs.forked import Run
from tests.helpers.servers.commons_server import CommonsServer, File

RECIPE = """
name = "castles"
languages = ["en", "de"]
properties = ["P17", "P571"]
[images]
max_per_entity = 3
[[images.sources]]
type = "commons"
api = "{api}"
[split]
dev = 0.1
test = 0.1
[network]
private_hosts = {hosts}
[network.retry]
base_s = 0.001
[network.limits."127.0.0.1"]
connections = 6
"""


def castle(n, letter, **fields):
    return File(title=f"Castle {n} {letter}.png", categories=(f"Castle {n}",), **fields)


FILES = [
    # A P18 and five files of the category: three are accepted.
    *(castle(0, letter) for letter in "abcdef"),
    # The P18 is missing, and a map and a plan are not photos: two are accepted.
    *(castle(1, letter) for letter in "bc"),
    File(title="Map of castle 1.png", categories=("Castle 1",)),
    File(title="Castle 1 plan.png", categories=("Castle 1",)),
    # The P18 is not free. The next file is, and its author requests an attribution.
    castle(2, "a", license="cc-by-nc-4.0", license_name="CC BY-NC 4.0"),
    castle(2, "b", metadata={"Attribution": "City of Bonn"}, license="cc-by-3.0", license_name="CC BY 3.0"),
    # Only a drawing.
    castle(3, "a", mime="image/svg+xml", mediatype="DRAWING"),
    # A decompression bomb, then the same image twice.
    *(castle(4, letter, image=letter and "four") for letter in "abc"),
    # The image of castle 4.
    castle(5, "a", image="four"),
]


def write(folder, server, documents=None):
    recipe = RECIPE.format(api=server.api, hosts=orjson.dumps(server.hosts).decode())
    return world.lay_out(folder, recipe, documents or world.documents())


def build(recipe, workspace, *options):
    return world.finish("build", recipe, "--workspace", workspace, "--quiet", *options)


@pytest.fixture(scope="module")
def castles(tmp_path_factory):
    folder = tmp_path_factory.mktemp("castles")
    with CommonsServer(FILES, faults={"Castle 4 a.png": ["bomb!"]}) as server:
        result = build(write(folder, server), folder / "workspace")
        assert result.returncode == 0, result.stderr
    return folder / "workspace"


def rows(workspace, sql):
    with Store.open(workspace / "store.duckdb", read_only=True) as store:
        return store.rows(sql)


def images(workspace, entity):
    return rows(
        workspace,
        f"""SELECT file, via FROM entity_image JOIN image USING (image)
            WHERE entity = '{entity}' ORDER BY ordinal""",
    )


def rejected(workspace, entity):
    found = rows(workspace, f"SELECT item, reason FROM rejection WHERE stage = 'images' AND item LIKE '{entity}%'")
    return {item.removeprefix(entity).strip(): reason for item, reason in found}


def test_category_files_follow_the_photo_property(castles):
    assert images(castles, "Q9000") == [
        ("Castle 0 a.png", "P18"),
        ("Castle 0 b.png", "category"),
        ("Castle 0 c.png", "category"),
    ]
    assert rejected(castles, "Q9000") == {}


def test_rejected_candidates_are_replaced(castles):
    assert [file for file, _ in images(castles, "Q9001")] == ["Castle 1 b.png", "Castle 1 c.png"]
    assert rejected(castles, "Q9001") == {
        "Castle 1 a.png": "image not in any source",
        "Castle 1 plan.png": "no photo by its name: plan",
        "Map of castle 1.png": "no photo by its name: map",
    }


def test_non_free_images_are_rejected(castles):
    assert rejected(castles, "Q9002") == {"Castle 2 a.png": "non-free license"}
    assert images(castles, "Q9002") == [("Castle 2 b.png", "category")]


def test_entity_without_a_photo_is_rejected(castles):
    assert rejected(castles, "Q9003") == {
        "Castle 3 a.png": "no photo: SVG (a drawing; the recipe does not allow drawings)",
        "": "no usable image",
    }


def test_bomb_and_duplicate_are_rejected(castles):
    assert rejected(castles, "Q9004") == {
        "Castle 4 a.png": "too many pixels",
        "Castle 4 c.png": "same content as another file of the entity",
    }


def test_image_of_two_entities_is_stored_once(castles):
    shared = rows(castles, "SELECT image, count(*) FROM entity_image GROUP BY image HAVING count(*) > 1")
    assert [n for _, n in shared] == [2]
    stored = rows(castles, "SELECT count(*), count(DISTINCT image) FROM image")[0]
    assert stored[0] == stored[1] == len(list(castles.glob("images/*/*.jpg")))


def test_kept_and_rejected_entities_add_up_to_the_inputs(castles):
    inputs, kept = rows(castles, "SELECT inputs, kept FROM stage WHERE name = 'images'")[0]
    lost = rows(castles, "SELECT count(*) FROM rejection WHERE stage = 'images' AND reason = 'no usable image'")[0][0]
    assert (inputs, kept, lost) == (6, 5, 1)


def test_commons_sitelink_replaces_a_missing_category(castles, tmp_path):
    documents = list(world.documents())
    for row in documents:
        for name in row["claims"].pop("P373", ()):
            title = f"Category:{name['mainsnak']['datavalue']['value']}"
            row["sitelinks"] = {"commonswiki": {"site": "commonswiki", "title": title, "badges": []}}
    with CommonsServer(FILES, faults={"Castle 4 a.png": ["bomb!"]}) as server:
        recipe = write(tmp_path, server, documents)
        assert build(recipe, tmp_path / "workspace", "--stage", "images").returncode == 0
    assert tables(tmp_path / "workspace") == tables(castles)


def test_export_has_everything_needed_for_citation(castles):
    export = Export.open(castles / "exports/castles")
    assert check(export) == []
    row = next(row for row in export.images().to_pylist() if row["file"] == "Castle 2 b.png")
    assert (row["author"], row["attribution"]) == ("A. Photographer", "City of Bonn")
    assert (row["license"], row["license_code"]) == ("CC BY 3.0", "cc-by-3.0")
    assert row["page"] == "https://commons.wikimedia.org/wiki/File:Castle_2_b.png"
    assert row["changes"] == "thumbnail 960 px"


def test_show_prints_licenses_and_rejections(castles):
    result = CliRunner().invoke(pcult, ["data", "show", "Q9002", "--workspace", str(castles)], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert "CC BY 3.0" in result.output and "City of Bonn" in result.output
    assert "CC BY-NC 4.0" in result.output, "the rejected image is listed"


def test_build_resumes_after_the_api_was_down(castles, tmp_path):
    with CommonsServer(FILES, faults={"api": ["503!"], "Castle 4 a.png": ["bomb!"]}) as server:
        recipe = write(tmp_path, server)
        result = build(recipe, tmp_path / "workspace")
        assert result.returncode == 1
        assert result.stderr.count("\n") == 1 and "Run the same command again" in result.stderr
        server.faults["api"] = []
        assert build(recipe, tmp_path / "workspace").returncode == 0
    assert tables(tmp_path / "workspace") == tables(castles)


def test_build_without_a_contact_stops_before_any_work(tmp_path):
    with CommonsServer() as server:
        recipe = write(tmp_path, server)
    text = recipe.read_text().replace(server.api, "https://commons.wikimedia.org/w/api.php")
    recipe.write_text(text)
    result = build(recipe, tmp_path / "workspace")
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert "Give --contact or set PCULT_CONTACT" in result.stderr
    assert not (tmp_path / "workspace").exists()


@pytest.mark.parametrize("how", ["option", "environment"])
def test_contact_is_sent_in_the_user_agent(tmp_path, monkeypatch, how):
    monkeypatch.setenv("PCULT_CONTACT", "env@example.org" if how == "environment" else "")
    options = ["--contact", "option@example.org"] if how == "option" else []
    with CommonsServer(FILES) as server:
        assert build(write(tmp_path, server), tmp_path / "workspace", "--stage", "images", *options).returncode == 0
        agents = {agent for _, _, agent, _ in server.requests}
    assert len(agents) == 1 and f"({'env' if how == 'environment' else how}@example.org)" in agents.pop()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('type = "commons"', 'type = "commons"\nwidth = 800'), "No thumbnails of 800 px. Choose one of 20, 40"),
        (("connections", "conections"), "Did you mean connections"),
        (("private_hosts", "privat_hosts"), "Did you mean private_hosts"),
        (("[network]", '[network]\ncontact = "me"'), "is not a contact"),
    ],
)
def test_wrong_network_settings_are_one_line(tmp_path, change, message):
    with CommonsServer() as server:
        recipe = write(tmp_path, server)
    recipe.write_text(recipe.read_text().replace(*change))
    result = build(recipe, tmp_path / "workspace")
    assert (result.returncode, result.stderr.count("\n")) == (1, 1), result.stderr
    assert message in result.stderr


class InterruptedSourceError(Exception):
    """Error of an interrupted source."""


class EmptySource:
    """A source without files that fails after a number of calls."""

    def __init__(self, max_calls=None):
        self.calls_left = max_calls

    def metadata(self, titles):
        if self.calls_left == 0:
            raise InterruptedSourceError
        self.calls_left = self.calls_left and self.calls_left - 1
        return {}

    def in_categories(self, names, limit):
        return {}

    def row_problems(self):
        return [("list.jsonl:1", ImageError("not a valid row of the list"))]


CLAIMS_SQL = """
INSERT INTO entity SELECT 'Q' || n, n != 1, 'any', 1, 'dump', '' FROM range(10) AS numbers (n);
INSERT INTO claim SELECT 'Q' || n, 'P18', 0, n != 2, 'normal', n || '.jpg', 'string', '', '', true
FROM range(9) AS numbers (n);
INSERT INTO claim SELECT 'Q' || n, 'P17', 0, true, 'normal', 'Q17', 'item', '', '', true FROM range(10) AS numbers (n);
INSERT INTO stage (name, fingerprint) VALUES ('images', '');
"""
"""Q0 and Q3 to Q8 name an image, Q1 is not selected, Q2 names a deprecated image, and Q9 names none."""


@pytest.mark.parametrize("max_calls", [0, 1, 3, 4])
def test_interrupted_stage_handles_each_entity_once(tmp_path, monkeypatch, max_calls):
    monkeypatch.setattr(stage, "BATCH_ENTITIES", 2)
    with Store.open(tmp_path / "store.duckdb") as store:
        store.execute(CLAIMS_SQL)
        if max_calls < 4:
            with pytest.raises(InterruptedSourceError):
                stage.run(store, ImagesConfig(), [EmptySource(max_calls)], tmp_path, Blocklist(), Reporter(quiet=True))
        for _ in range(2):  # The second run follows a kill before the stage was marked as done.
            assert stage.run(store, ImagesConfig(), [EmptySource()], tmp_path, Blocklist(), Reporter(quiet=True)) == (
                9,
                0,
            )
        found = store.rows("SELECT item, reason FROM rejection ORDER BY ALL")
    files = [(f"Q{n} {n}.jpg", "image not in any source") for n in (0, *range(3, 9))]
    files.append(("list.jsonl:1", "not a valid row of the list"))
    assert found == sorted([*files, *((f"Q{n}", "no usable image") for n in (0, *range(2, 10)))])


def tables(workspace):
    """Return the sorted tables of the stage, without the server's port."""
    image = "SELECT * REPLACE (regexp_replace(url, ':[0-9]+/', '/') AS url) FROM image ORDER BY ALL"
    reasons = "SELECT item, reason FROM rejection WHERE stage = 'images' ORDER BY ALL"
    return [rows(workspace, sql) for sql in (image, "SELECT * FROM entity_image ORDER BY ALL", reasons)]


def many_castles(number):
    """Yield castles with a P18 and a category. Every third P18 is missing."""
    for n in range(number):
        claims = {"P17": [world.item("Q17")], "P571": [world.year(1600)]}
        claims |= {"P18": [world.text(f"Castle {n} a.png")], "P373": [world.text(f"Castle {n}")]}
        yield {"id": f"Q{10_000 + n}", "type": "item", "labels": {}, "claims": claims}


def test_kills_and_faults_do_not_change_the_result(tmp_path):
    """Kill builds after seeded random numbers of requests, one in ten of which fails. Compare with a quiet build."""
    files = [castle(n, letter) for n in range(300) for letter in ("ab" if n % 3 else "bc")]
    with CommonsServer(files) as server:
        recipe = write(tmp_path / "quiet", server, many_castles(300))
        assert build(recipe, tmp_path / "quiet/workspace", "--stage", "images").returncode == 0
    dice, kills = random.Random(5), 0
    with CommonsServer(files, fault_share=0.1, seed=1, latency_s=0.01) as server:
        server.retry_after_s = 0
        recipe = write(tmp_path / "rough", server, many_castles(300))
        arguments = ["build", str(recipe), "--stage", "images", "--quiet"]
        arguments += ["--workspace", str(tmp_path / "rough/workspace")]
        for _ in range(6):
            asked, most = len(server.requests), dice.randrange(20, 250)
            run = Run(arguments, tmp_path)
            kills += run.kill_once(lambda limit=asked + most: len(server.requests) >= limit)
        assert build(recipe, tmp_path / "rough/workspace", "--stage", "images").returncode == 0
    assert kills > 2
    assert tables(tmp_path / "rough/workspace") == tables(tmp_path / "quiet/workspace")
    assert rows(tmp_path / "rough/workspace", "SELECT count(*) FROM entity_image")[0][0] == 600


def test_candidates_do_not_hide_the_ids_of_the_sources(tmp_path):
    """A temporary table of the same name would hide the table of the stage `select`, in this connection."""
    with Store.open(tmp_path / "store.duckdb") as store:
        store.execute("INSERT INTO candidate VALUES ('sparql', '', 'Q1')")
        stage.read_candidates(store)
        assert store.rows("SELECT entity FROM candidate") == [("Q1",)]
