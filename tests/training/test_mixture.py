"""What is learnt in which order."""

import pytest

from pangea_cultural.errors import UserError
from pangea_cultural.files import write_json
from pangea_cultural.training import mixture
from pangea_cultural.training.recipe import Recipe
from tests import tiny

STAGE = {
    "name": "s",
    "objective": "answers",
    "train": ["connector"],
    "steps": 20,
    "pictures": 4,
    "questions_per_picture": 2,
    "learning_rate": 1e-3,
}


def recipe(**fields):
    content = {
        "name": "r",
        "model": {"size": "tiny"},
        "sources": [{"kind": "export", "path": "export", "weight": 3}, {"kind": "chat", "path": "chat/general.json"}],
        "stages": [STAGE],
    }
    return Recipe.model_validate(content | fields)


CHAT = [
    {
        "id": n,
        "image": f"{n}.png",
        "conversations": [{"from": "human", "value": "<image>\nHow many?"}, {"from": "gpt", "value": str(n)}],
    }
    for n in range(7)
]


@pytest.fixture
def workspace(tmp_path):
    tiny.write_export(tmp_path / "export")
    write_json(tmp_path / "chat/general.json", CHAT)
    return tmp_path


def test_the_plan_depends_on_the_seed_only(workspace):
    plans = []
    for seed in (0, 0, 1):
        made = recipe(seed=seed)
        plans.append(mixture.plan(mixture.load(made, workspace), made, made.stages[0]))
    assert plans[0] == plans[1] != plans[2]
    assert len(plans[0]) == 80


def test_weights_are_kept(workspace):
    made = recipe(stages=[STAGE | {"steps": 500}])
    plan = mixture.plan(mixture.load(made, workspace), made, made.stages[0])
    share = sum(group.source == 0 for group in plan) / len(plan)
    assert share == pytest.approx(0.75, abs=0.03)


def test_every_question_comes_before_any_comes_again(workspace):
    made = recipe(sources=[{"kind": "export", "path": "export"}])
    sources = mixture.load(made, workspace)
    seen = {}
    for group in mixture.plan(sources, made, made.stages[0]):
        for conversation in group.conversations:
            counts = seen.setdefault(group.image, {})
            counts[conversation.id] = counts.get(conversation.id, 0) + 1
    for counts in seen.values():
        assert max(counts.values()) - min(counts.values()) <= 1


def test_questions_of_a_picture_stay_under_the_limit(workspace):
    made = recipe()
    plan = mixture.plan(mixture.load(made, workspace), made, made.stages[0])
    assert max(len(group.conversations) for group in plan) == 2


def test_only_the_recipes_languages_and_kinds_are_learnt(workspace):
    made = recipe(languages=["de"], sources=[{"kind": "export", "path": "export", "questions": ["choice"]}])
    groups = mixture.load(made, workspace)[0]
    assert {c.language for g in groups for c in g.conversations} == {"de"}
    assert all(turn[1] in "ABCD" for g in groups for c in g.conversations for turn in c.turns)
    assert {g.caption for g in groups} == set(tiny.NAMES["en"].values()), "captions are English all the same"


def test_a_held_out_row_is_refused_by_name(workspace):
    rows = [CHAT[0] | {"id": "sneaked-in", "language": "nl"}]
    write_json(workspace / "chat/general.json", rows)
    with pytest.raises(UserError, match="row sneaked-in is in the held-out language nl"):
        mixture.load(recipe(), workspace)


def test_a_recipe_cannot_ask_for_a_held_out_language(workspace):
    with pytest.raises(UserError, match="asks for the held-out language nl"):
        mixture.load(recipe(languages=["en", "nl"]), workspace)


def test_missing_chat_data_says_what_makes_it(workspace):
    (workspace / "chat/general.json").unlink()
    with pytest.raises(UserError, match="pcult data general"):
        mixture.load(recipe(), workspace)


def test_the_image_mark_is_taken_off_chat_questions(workspace):
    group = mixture.load(recipe(), workspace)[1][3]
    assert group.conversations[0].turns == (("How many?", "3"),)
    assert group.image.name == "3.png"
