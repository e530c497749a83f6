"""Names of values by region: Chinese in Taiwan has other characters than in China."""

import pytest

from pangea_cultural.dataset.export import SPLITS, Export
from tests.helpers import world
from tests.helpers.world import item, labels, year

RECIPE = """
name = "zh"
languages = ["en", "zh"]
properties = ["P84", "P571"]
"""


def temple(number, country):
    claims = {
        "P31": [item("Q23413")],
        "P17": [item(country)],
        "P84": [item(f"Q9980{number % 5}")],
        "P571": [year(1900)],
    }
    return {"type": "item", "id": f"Q70{number}", "labels": labels(en=f"Temple {number}"), "claims": claims}


def architect(number, **names):
    return {
        "type": "item",
        "id": f"Q9980{number}",
        "labels": labels(en=f"Architect {number}") | names,
        "claims": {"P31": [item("Q5")], "P21": [item("Q6581097")], "P569": [year(1900 + number)]},
    }


def named(**by_code):
    return labels(**{code.replace("_", "-"): value for code, value in by_code.items()})


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Return the questions in Chinese, by region."""
    folder = tmp_path_factory.mktemp("zh")
    people = [
        architect(0, **named(zh="東漢", zh_hans="东汉", zh_hant="東漢")),
        architect(1, **named(zh_hans="国王", zh_tw="國王")),
        architect(2, **named(zh="人")),
        architect(3, **named(zh_hant="龍")),
        architect(4, **named(zh_hans="龟")),
    ]
    temples = [temple(n, "Q865" if n % 2 else "Q148") for n in range(40)]
    documents = world.with_photos(folder, [*people, *temples])
    world.build(world.lay_out(folder, RECIPE + world.PHOTOS, documents), folder / "w")
    opened = Export.open(folder / "w/exports/zh")
    rows = [
        row for split in SPLITS for row in opened.questions(split) if row.language == "zh" and row.property == "P84"
    ]
    return {region: [row for row in rows if row.region == region] for region in ("china", "taiwan")}


def test_answers_have_the_characters_of_their_region(answers):
    china, taiwan = ({row.answer for row in answers[name]} for name in ("china", "taiwan"))
    assert {"东汉", "国王", "人", "龟"} <= china and "東漢" not in china
    assert {"東漢", "國王", "人", "龍"} <= taiwan and "东汉" not in taiwan


def test_options_have_the_characters_of_their_answer(answers):
    options = {name: {o for row in answers[name] for o in row.choices} for name in ("china", "taiwan")}
    assert not {"東漢", "國王"} & options["china"] and not {"东汉", "国王"} & options["taiwan"]
    assert options["china"] and options["taiwan"]
