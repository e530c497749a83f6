"""A build of castles up to its questions, and endpoints that say whether an image shows a castle."""

import math
import shutil

import orjson
import pytest

from tests.helpers import world
from tests.helpers.servers.scripted_endpoint import ScriptedEndpoint, completion

TABLE = """
[relevance]
endpoints = ["{url}"]
model = "judge"
{keys}
"""


def asked(body):
    """The text of a request."""
    return body["messages"][0]["content"][1]["text"]


def says(share):
    """The answer of a model that gives yes this probability."""
    tokens = {"Yes": math.log(max(share, 1e-9)), "No": math.log(max(1 - share, 1e-9))}
    return completion("Yes" if share > 0.5 else "No", first_tokens=tokens)


def judge(body, number):
    """Give each castle its own probability: 0.1 for Castle 1, 0.5 for Castle 5."""
    return says(int(asked(body).partition("Castle ")[2][0]) / 10)


class Castles:
    """A workspace with the questions of castles, and the recipe that made them."""

    def __init__(self, folder, built):
        self.workspace, self._recipe = folder / "workspace", folder / "recipe.toml"
        shutil.copytree(built / "workspace", self.workspace)
        # The same files as those of the build, so that its stages are done.
        self._text = (built / "world/recipe.toml").read_text().replace('path = "', f'path = "{built / "world"}/')

    def recipe(self, url="", keys=""):
        """Write the recipe with a table [relevance]; without a URL, the recipe without it."""
        table = TABLE.format(url=url, keys=keys) if url else ""
        self._recipe.write_text(self._text + table)
        return self._recipe


@pytest.fixture
def build(castles, tmp_path):
    return Castles(tmp_path, castles)


@pytest.fixture
def same_build(castles, tmp_path):
    (tmp_path / "same").mkdir()
    return Castles(tmp_path / "same", castles)


@pytest.fixture
def endpoint():
    with ScriptedEndpoint(judge, models=["judge", "other"]) as running:
        yield running


def pcult_json(build, *arguments):
    """Run a command of `pcult data`; return its result."""
    return orjson.loads(world.run("data", *arguments, "--workspace", build.workspace, "--json"))
