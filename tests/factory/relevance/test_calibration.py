"""Labeled pairs, planted mismatches, figures by threshold, agreement of two models."""

import csv

import orjson
import pytest
from PIL import Image

from factory.relevance import calibration, labels, planted, plot
from factory.relevance.calibration import Scored
from factory.store.store import Store
from pangea_cultural.errors import UserError
from tests.factory.relevance.conftest import asked, judge, pcult_json, says
from tests.helpers import world
from tests.helpers.servers.scripted_endpoint import ScriptedEndpoint


@pytest.fixture
def store(castles):
    with Store.open(castles / "workspace/store.duckdb", read_only=True) as opened:
        yield opened


def test_a_planted_mismatch_has_another_entity_of_the_same_type(store):
    drawn = planted.draw(store, seed=1, draws=2)
    assert len(drawn) == 60, "six castles with five images each, two mismatches for each image"
    types = dict(store.rows("SELECT entity, entity_type FROM entity"))
    shown = set(store.rows("SELECT entity, image FROM entity_image"))
    for right, wrong in drawn:
        assert right.image == wrong.image and right.entity != wrong.entity
        assert types[right.entity] == types[wrong.entity] == "building"
        assert (right.entity, right.image) in shown and (wrong.entity, wrong.image) not in shown
    assert len({wrong.entity for _, wrong in drawn}) == 6
    assert planted.draw(store, seed=1, draws=2) == drawn != planted.draw(store, seed=2, draws=2)
    assert len(planted.draw(store, seed=1, limit=7)) == 7


def test_planted_mismatches_of_a_split_have_its_images(store):
    of_split = {image for (image,) in store.rows("SELECT image FROM split WHERE split = 'unseen'")}
    assert {right.image for right, _ in planted.draw(store, seed=0, split="unseen")} == of_split


def test_figures_follow_their_definitions():
    scored = [
        *(Scored(0.9, True, f"Q{n}") for n in range(8)),
        *(Scored(0.2, True, f"Q{n}") for n in range(8, 10)),
        *(Scored(0.6, False, f"Q{n}") for n in range(2)),
        *(Scored(0.1, False, f"Q{n}") for n in range(2, 10)),
    ]
    result = calibration.figures(scored)
    points = {point["threshold"]: point for point in result["thresholds"]}
    assert (result["pairs"], result["right_pairs"], result["entities"]) == (20, 10, 10)
    assert (points[0.5]["kept"], points[0.5]["precision"], points[0.5]["recall"]) == (10, 0.8, 0.8)
    assert points[0.7]["precision"] == 1.0 and points[0.7]["recall"] == 0.8
    assert points[0.9]["kept"] == 8, "a pair at the threshold is kept"
    assert points[0.95]["kept"] == 0 and points[0.95]["precision"] is None and points[0.95]["recall"] == 0
    low, high = points[0.7]["precision_interval"]
    assert 0.5 < low < 0.8 and high == 1.0, "eight right pairs of eight do not prove perfection"
    assert result["auc"] == pytest.approx((8 * 10 + 2 * 8) / 100)


def test_pairs_of_one_entity_are_less_than_pairs_of_many():
    def width(entities):
        scored = [Scored(float(n % 4 != 0), True, f"Q{n % entities}") for n in range(80)] + [Scored(0.0, False, "Q0")]
        low, high = calibration.figures(scored)["thresholds"][49]["recall_interval"]
        return high - low

    assert width(8) > width(80)


def test_a_model_that_keeps_nothing_has_a_plot():
    scored = [Scored(0.0, n % 2 == 0, f"Q{n}") for n in range(6)]
    result = calibration.figures(scored)
    assert all(point["precision"] is None and point["recall"] == 0 for point in result["thresholds"])
    assert plot.draw(result, "a $model$_").startswith(b"\x89PNG")


def test_one_label_alone_cannot_be_calibrated():
    with pytest.raises(UserError, match="same label"):
        calibration.figures([Scored(0.5, True, "Q1")])


def test_planted_calibration_writes_plot_and_figures(build):
    def script(body, number):
        image = body["messages"][0]["content"][0]["image_url"]["url"]
        right = (image, asked(body)[len("Does this image show Castle ")]) in shown
        return says(0.9 if right else 0.2)

    shown = set()
    with ScriptedEndpoint(judge, models=["judge"]) as endpoint:
        recipe = build.recipe(endpoint.url)
        world.build(recipe, build.workspace, "--stage", "relevance")
        for body in endpoint.bodies:
            shown.add(
                (
                    body["messages"][0]["content"][0]["image_url"]["url"],
                    asked(body)[len("Does this image show Castle ")],
                )
            )
    with ScriptedEndpoint(script, models=["judge"]) as endpoint:
        recipe = build.recipe(endpoint.url, 'prompt = "Does this image show {entity}?"\nprompt_version = "mine"')
        options = ["relevance", "calibrate", recipe, "--planted", 20]
        result = pcult_json(build, *options)
        assert len(endpoint.bodies) == 40
        assert pcult_json(build, *options)["pairs"] == 40 and len(endpoint.bodies) == 40, "nothing is asked again"
    point = result["thresholds"][49]
    assert (point["kept"], point["precision"], point["recall"], result["auc"]) == (20, 1, 1, 1)
    folder = build.workspace / "relevance/judge-mine"
    written = orjson.loads((folder / "calibration.json").read_bytes())
    assert written == {key: value for key, value in result.items() if key != "folder"}
    with Image.open(folder / "calibration.png") as plot:
        assert plot.format == "PNG" and plot.width > 800


def test_labels_of_a_person_are_read_and_bad_rows_are_listed(store, tmp_path):
    rows = [
        ("File:Castle 0 a.png", "Q9000", "yes"),
        ("Castle_1_b.png", "Q9000", "NO"),
        ("Castle 1 b.png", "Q9000", "perhaps"),
        ("Castle 7 b.png", "Q9000", "yes"),
        ("Castle 1 b.png", "Q17", "yes"),
        ("", "Q9000", "yes"),
    ]
    with (tmp_path / "labels.csv").open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file).writerows([("image", "entity", "label"), *rows])
    lines = [orjson.dumps(dict(zip(labels.COLUMNS, row, strict=True))) for row in rows]
    (tmp_path / "labels.jsonl").write_bytes(b"\n".join([*lines, b"{broken", b"[1]"]))
    for name, more in (("labels.csv", []), ("labels.jsonl", ["row 7: not a JSON object", "row 8: not a JSON object"])):
        found, problems = labels.read(store, tmp_path / name)
        assert [(row.pair.entity, row.shows) for row in found] == [("Q9000", True), ("Q9000", False)]
        assert problems == [
            "row 3: label 'perhaps' is neither yes nor no",
            "row 4: the store has no image Castle 7 b.png",
            "row 5: the store has no entity Q17",
            "row 6: no image",
            *more,
        ]


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"image,entity,label\n", "Add rows"), (b"a,b\n1,2\n", "row 1: no image"), (b"\xff\xfe,x\n", "Cannot read")],
)
def test_labels_without_a_usable_row_are_an_error(store, tmp_path, content, message):
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(UserError, match=message):
        labels.read(store, tmp_path / "labels.csv")


def test_agreement_of_two_models_is_that_of_their_answers(build):
    """The second model disagrees about Castle 1: one castle of six."""

    def script(body, number):
        castle = int(asked(body)[len("Does this image show Castle ")])
        keeps = castle >= 3 if body["model"] == "judge" else castle >= 3 or castle == 1
        return says(0.9 if keeps else 0.1)

    with ScriptedEndpoint(script, models=["judge", "other"]) as server:
        second = f'[relevance.second]\nendpoints = ["{server.url}"]\nmodel = "other"'
        world.build(build.recipe(server.url, second), build.workspace, "--stage", "relevance")
    result = pcult_json(build, "relevance", "agreement")
    assert (result["both_keep"], result["neither_keeps"]) == (15, 10)
    assert (result["only_first_keeps"], result["only_second_keeps"]) == (0, 5)
    # Observed 25/30; by chance 1/2 * 20/30 + 1/2 * 10/30 = 1/2.
    assert result["kappa"] == pytest.approx((25 / 30 - 0.5) / 0.5)
    assert [row["entity"] for row in result["largest_differences"][:5]] == ["Q9001"] * 5
    assert pcult_json(build, "relevance", "agreement", "--threshold", 0.95)["kappa"] is None


def test_agreement_needs_two_models(castles):
    from factory.relevance.agreement import agreement

    with (
        Store.open(castles / "workspace/store.duckdb", read_only=True) as opened,
        pytest.raises(UserError, match="two"),
    ):
        agreement(opened, threshold=0.5, second_threshold=0.5, examples=1)


def test_training_questions_are_half_mismatches_about_images_of_train(build):
    folder = build.workspace / "exports/relevance"
    world.run("data", "relevance", "chat", folder, "--workspace", build.workspace, "--draws", 2)
    rows = orjson.loads((folder / "relevance.json").read_bytes())
    answers = [row["conversations"][1]["value"] for row in rows]
    with Store.open(build.workspace / "store.duckdb", read_only=True) as opened:
        train = {
            path for (path,) in opened.rows("SELECT path FROM image JOIN split USING (image) WHERE split = 'train'")
        }
    assert {row["image"] for row in rows} == train and len(rows) == 4 * len(train)
    assert answers.count("Yes") == answers.count("No") == len(rows) / 2
    assert all((build.workspace / "images" / row["image"]).is_file() for row in rows)
    assert rows[0]["conversations"][0]["value"].startswith("<image>\nDoes this image show Castle ")
    world.run("data", "relevance", "chat", folder, "--workspace", build.workspace, "--max-questions", 6)
    assert len(orjson.loads((folder / "relevance.json").read_bytes())) == 6
