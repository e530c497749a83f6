"""A data set of castles with its questions, to be rewritten."""

import shutil

import pytest

from factory.store.store import Store
from tests.helpers import world
from tests.helpers.servers import rewriter
from tests.helpers.servers.scripted_endpoint import ScriptedEndpoint

RECIPE = """
[refine]
model = "{model}"
{options}
[[refine.endpoints]]
url = "{url}"
"""


class Castles:
    """The data set with a workspace of its own.

    The recipe is beside the documents: a stage depends on their path.
    """

    def __init__(self, workspace, prepared):
        shutil.copytree(prepared / "workspace", workspace)
        self.folder = prepared
        self.workspace = workspace

    def recipe(self, server, options="", *endpoints, model="m"):
        """Write the recipe; return its path. `endpoints` are keys and further tables of endpoints."""
        text = RECIPE.format(url=server.url, options=options, model=model) + "\n".join(endpoints)
        path = self.folder / "refine.toml"
        path.write_text(world.RECIPE + text + world.SOURCE)
        return path

    def build(self, server, options="", *endpoints, until="refine", **names):
        """Build in this process, up to a stage."""
        world.build(self.recipe(server, options, *endpoints, **names), self.workspace, "--stage", until)

    def arguments(self, server, options="", *endpoints):
        """Return the arguments of `pcult` for a build in another process."""
        recipe = self.recipe(server, options, *endpoints)
        return ["build", str(recipe), "--quiet", "--stage", "refine", "--workspace", str(self.workspace)]

    def fail(self, server, options="", *endpoints, **environment):
        """Build, as the script does, with environment variables. Return the line with its error."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            return world.error_of(*self.arguments(server, options, *endpoints))

    def rows(self, sql):
        """Return rows of the store."""
        with Store.open(self.workspace / "store.duckdb", read_only=True) as store:
            return store.rows(sql)

    def contents(self):
        """Return the tables of the stage."""
        sql = "SELECT * REPLACE (key::VARCHAR AS key) FROM {} ORDER BY ALL"
        return [self.rows(sql.format(table)) for table in ("refinement", "rewrite")]

    def reasons(self):
        """Return the numbers of refused rewritings by reason."""
        sql = "SELECT reason, sum(items)::BIGINT FROM rejection WHERE stage = 'refine' GROUP BY reason"
        return dict(self.rows(sql))


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A folder with documents, images and a build up to the questions."""
    folder = tmp_path_factory.mktemp("prepared") / "world"
    recipe = world.write(folder)
    world.build(recipe, folder / "workspace", "--stage", "questions")
    return folder


@pytest.fixture
def castles_to_refine(prepared, tmp_path):
    return Castles(tmp_path / "workspace", prepared)


@pytest.fixture(scope="session")
def refined(prepared, tmp_path_factory):
    """A finished build with right rewritings, which tests leave unchanged."""
    castles = Castles(tmp_path_factory.mktemp("refined") / "workspace", prepared)
    with ScriptedEndpoint(rewriter.right) as server:
        castles.build(server, until="export")
        castles.requests = server.bodies
    return castles
