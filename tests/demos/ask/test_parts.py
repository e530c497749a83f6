"""Parts of the page without a browser: answers, options, agreement, requests as code, gallery, opening."""

import asyncio
import base64
import contextlib
import math
import os
import shutil
import subprocess
import sys
import types

import duckdb
import pytest
from PIL import Image

from demos.ask import agreement, answers, as_code, conversation, layout, opening, options, page, panels, uploads
from demos.ask.answers import Target
from demos.ask.gallery import Gallery, Picked
from demos.ask.running import Running
from demos.ask.visit import Asked, Visit
from pangea_cultural.errors import UserError
from pangea_cultural.workspace import Workspace
from tests.demos.ask.conftest import answered, asked, piece
from tests.helpers import tiny
from tests.helpers.servers.scripted_endpoint import HANG, ScriptedEndpoint, completion

QUOTES = 'it\'s "so" $(touch hacked) `touch hacked` \\ \n<image.jpg> {}'


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    path = tmp_path_factory.mktemp("image") / "image.jpg"
    Image.new("RGB", (40, 30), "red").save(path)
    return path


def user(text):
    return {"role": "user", "content": text}


def bot(text):
    return {"role": "assistant", "content": text}


async def collected(target, turns, image):
    return [progress async for progress in answers.stream(target, turns, image)]


@pytest.mark.parametrize(
    ("script", "remark", "text"),
    [
        (answered("Peru"), "", "Peru"),
        (answered(" "), "empty", " "),
        (answered("\u200b\u200f"), "empty", "\u200b\u200f"),
        ([piece("x" * 9000)] * 9, "interrupted", "x" * answers.MOST_CHARACTERS),
        ([piece("Pe"), b'data: {"error": {"message": "out of memory"}}\n\n'], "interrupted", "Pe"),
        (503, "down", ""),
        (429, "busy", ""),
        (400, "refused", ""),
        (b"<html>", "refused", ""),
    ],
)
def test_an_answer_ends_with_what_a_visitor_is_told(image, script, remark, text):
    with ScriptedEndpoint(lambda body, number: script) as endpoint:
        found = asyncio.run(collected(Target(endpoint.url, "m"), [user("what?")], image))
    assert (found[-1].text, found[-1].remark, found[-1].is_end) == (text, remark, True)


def test_no_endpoint_and_no_image_are_told(image, tmp_path):
    down = Target("http://127.0.0.1:9/v1", "m")
    assert asyncio.run(collected(down, [user("what?")], image))[-1].remark == "down"
    assert asyncio.run(collected(down, [user("what?")], tmp_path / "gone.png"))[-1].remark == "expired"


def test_slow_answers_are_told_and_their_end_stops_the_server(image, monkeypatch):
    monkeypatch.setattr(answers, "SLOW_S", 0.1)

    async def ask(target):
        async with contextlib.aclosing(answers.stream(target, [user("what?")], image)) as stream:
            async for progress in stream:
                if progress.remark:
                    return progress

    with ScriptedEndpoint(lambda body, number: [piece("one"), HANG]) as endpoint:
        assert asyncio.run(ask(Target(endpoint.url, "m")))[:3] == ("one", "slow", False)

        async def ended():
            for _ in range(100):
                if not endpoint.running:
                    return
                await asyncio.sleep(0.02)

        asyncio.run(ended())
        assert endpoint.running == 0


def test_an_endpoint_that_sends_no_text_is_given_up_and_told_to_its_owner_once(
    image, gallery_export, monkeypatch, capsys
):
    monkeypatch.setattr(answers, "SLOW_S", 0.1)
    monkeypatch.setattr(answers, "SILENCE_S", 0.3)

    async def ask(visit):
        asked = Asked(str(image), "what?", "en", "", "", None, 0)
        return [output async for output in visit.answer(0)(asked, [], "en", Running())]

    with ScriptedEndpoint(lambda body, number: [b": wait\n\n"] * 60) as endpoint:
        visit = Visit([Target(endpoint.url, "m")], Gallery([gallery_export]), [], None)
        remarks = [[output[2] for output in asyncio.run(ask(visit))] for _ in range(2)]
    for first, slow, last in remarks:
        assert first == "" and "longer than usual" in slow and "does not answer" in last
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1 and "no text within 0.3 s" in told[0]


def test_a_conversation_sends_answered_questions_and_the_image_once(image):
    turns = [user("one"), bot("1"), user("failed"), user("two"), bot("2"), user("three")]
    sent = conversation.sent(turns, image)
    assert [message["role"] for message in sent] == ["user", "assistant", "user", "assistant", "user"]
    assert sent[0]["content"][1]["text"] == "one" and sent[-1]["content"] == "three"
    long = [turn for number in range(20) for turn in (user(f"q{number}"), bot("a"))] + [user("last")]
    sent = conversation.sent(long, image)
    assert len(sent) == 2 * conversation.MOST_TURNS - 1 and sent[0]["content"][0]["type"] == "image_url"
    assert conversation.shown([bot("<b>&")])[0]["content"] == "&lt;b&gt;&amp;"
    assert conversation.before_answer(turns[:2]) == turns[:1] and conversation.before_answer([bot("x")]) == []


@pytest.mark.parametrize(
    ("answer", "known", "code", "expected"),
    [
        ("It is the flag of Japan.", ["Japan"], "en", "agrees"),
        ("japan", ["Japan"], "en", "agrees"),
        ("Japanese", ["Japan"], "en", "unclear"),
        ("Peru", ["Japan", "Chad"], "en", "differs"),
        ("istanbul", ["İstanbul"], "tr", "agrees"),
        ("В Японии", ["Япония"], "ru", "unclear"),
        ("これは日本の国旗です", ["日本"], "ja", "agrees"),
        ("اليَابَان", ["اليابان"], "ar", "agrees"),
        ("भारत", ["नेपाल"], "hi", "differs"),
        ("", ["Japan"], "en", "unclear"),
        ("!!!", ["Japan"], "en", "unclear"),
        ("Oman", ["Man"], "en", "unclear"),
        ("Peru " * 20, ["Japan"], "en", "unclear"),
    ],
)
def test_agreement_says_what_it_cannot_tell(answer, known, code, expected):
    assert agreement.verdict(answer, known, code) == expected


def test_options_have_shares_of_their_letters(image):
    def script(body, number):
        return completion("A", first_tokens={"A": math.log(0.6), " B": math.log(0.2)}) if body.get("logprobs") else 400

    with ScriptedEndpoint(script) as endpoint:
        shares = asyncio.run(options.shares(Target(endpoint.url, "m"), image, "which?", ["x", "y", "z"]))
        assert shares == pytest.approx([0.75, 0.25, 0])
        assert asked(endpoint.bodies[-1]) == "which?\nA. x\nB. y\nC. z"
    with ScriptedEndpoint(lambda body, number: completion("none")) as endpoint, pytest.raises(UserError):
        asyncio.run(options.shares(Target(endpoint.url, "m"), image, "which?", ["x", "y"]))
    assert options.split(" a  b \n\na b\nc\n") == ["a b", "c"]


def test_bars_and_notes_escape_their_texts():
    text = panels.bars(["<b>", "x"], [0.2, 0.8], ["<b>"]) + panels.notes(["<b>"]) + panels.note("<b>")
    assert "<b>" not in text and text.index(">x<") < text.index("<bdi>&lt;b&gt;") and "80 %" in text


@pytest.mark.parametrize("kind", ["curl", "python"])
def test_copied_request_sends_what_the_page_sends(kind, image, tmp_path):
    turns = [user(QUOTES), bot("yes"), user("why?")]
    shutil.copy(image, tmp_path / "image.jpg")
    with ScriptedEndpoint(lambda body, number: completion("done"), key="secret") as endpoint:
        target = Target(endpoint.url, "<image.jpg>'", "secret")
        if kind == "curl":
            command = ["bash", "-c", as_code.curl(target, turns)]
        else:
            command = [sys.executable, "-c", as_code.python(target, turns)]
        environment = os.environ | {"API_KEY": "secret"}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    assert "done" in done.stdout, done.stderr
    (body,) = endpoint.bodies
    assert body["messages"] == conversation.sent(turns, image) and body["model"] == target.model
    assert body["temperature"] == 0 and "secret" not in " ".join(command)
    assert [path.name for path in tmp_path.iterdir()] == ["image.jpg"]
    content = body["messages"][0]["content"][0]["image_url"]["url"].partition(",")[2]
    assert base64.b64decode(content) == image.read_bytes()


def test_gallery_pages_questions_and_facts_of_several_exports(gallery_export, tmp_path):
    second = tiny.write_export(tmp_path / "it's")
    gallery = Gallery([gallery_export, second])
    assert gallery.values("export") == ["colors", "it's"] and gallery.values("language") == ["de", "en", "nl"]
    assert gallery.count({}) == 10 and gallery.count({"export": "it's", "language": "nl"}) == 5
    assert gallery.count({"region": "' OR 1=1 --"}) == 0
    picked = gallery.page({"export": "it's"}, 0)[0]
    trained = {row.image for row in second.questions("train")}
    assert picked.image not in trained and gallery.file(picked).is_file()
    assert gallery.questions(picked, "de") == ["Welches Land ist das?"]
    known = gallery.known(picked, "de", "Welches Land ist das?")
    assert gallery.parallel(picked, known, "nl") == "Welk land is dit?" and gallery.parallel(picked, known, "ar") == ""
    assert len(gallery.options(picked, known, "de")) == 4
    assert {row["property"] for row in gallery.facts(picked, "en")} == {"P17", "label"}
    assert gallery.credit(picked)["author"] == "<b>A & B</b>"
    assert gallery.file(Picked("colors", "../../etc/passwd")) is None
    assert set(gallery.questions(None, "en")) == {"Which country is this?", "What is this called?"}


def test_page_without_exports_has_an_empty_gallery():
    gallery = Gallery([])
    assert (gallery.count({}), gallery.page({}, 0), gallery.questions(None, "en")) == (0, [], [])


def test_newest_checkpoint_and_all_exports_are_opened(tmp_path):
    workspace = Workspace(tmp_path)
    with pytest.raises(UserError, match="pcult train"):
        opening.checkpoint(workspace, None)
    for number, name in enumerate(("tiny", "newest", "older")):
        folder = workspace.checkpoints / name
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        os.utime(folder / "config.json", (0, [100, 300, 200][number]))
    assert opening.checkpoint(workspace, None).name == "newest"
    assert opening.checkpoint(workspace, "tiny").name == "tiny"
    tiny.write_export(workspace.exports / "good")
    (workspace.exports / "broken").mkdir()
    (workspace.exports / "broken/export.json").write_text("{")
    said = []
    assert [export.path.name for export in opening.exports(workspace, (), said.append)] == ["good"]
    assert "broken" in said[0]
    with pytest.raises(UserError):
        opening.exports(workspace, ("none",), said.append)


def test_a_used_upload_is_kept_longer(tmp_path, monkeypatch, image):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path))
    path = tmp_path / "a.jpg"
    shutil.copy(image, path)
    os.utime(path, (0, 0))
    assert uploads.problem(str(path)) == "" and path.stat().st_mtime > 0
    assert uploads.problem(str(tmp_path / "gone.png")) == "expired"
    assert uploads.problem(str(tmp_path)) == "unreadable", "a folder"


@pytest.mark.parametrize("name", ["mine.png", "none.png", "../mine.png", "a\0b"])
def test_files_of_the_machine_are_as_if_missing(gallery_export, tmp_path, monkeypatch, image, name):
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    (tmp_path / "uploads/inner").mkdir(parents=True)
    Image.new("RGB", (9, 9)).save(tmp_path / "mine.png")
    (tmp_path / "uploads/mine.png").symlink_to(tmp_path / "mine.png")
    visit = Visit([Target("http://127.0.0.1:9/v1", "m")], Gallery([gallery_export]), [], None)
    for folder in (tmp_path, tmp_path / "uploads", tmp_path / "uploads/inner"):
        value = {"path": f"{folder}/{name}"}
        shown, _, _, said, *_ = asyncio.run(visit.upload(value, "en", Running()))
        assert shown is None and "no longer stored" in said
        asked, *_, said = visit.asked(value, "what?", "en", "", "", None, [], is_example=False)[:5]
        assert asked is None and "no longer stored" in said
        assert "no longer stored" in visit.compare(value, "what?", "a\nb", "en", None, [])
    picked = visit._gallery.page({}, 0)[0]
    value = {"path": str(visit._gallery.file(picked))}
    assert asyncio.run(visit.upload(value, "en", Running()))[0] is not None
    assert visit.asked(value, "\u200b\u202e", "en", "", "", None, [], is_example=False)[0] is None, "nothing is seen"


def test_broken_and_missing_images_of_an_export_are_told(tmp_path):
    gallery = Gallery([tiny.write_export(tmp_path / "colors")])
    visit = Visit([Target("http://127.0.0.1:9/v1", "m")], gallery, [], None)
    names = visit.listed(0, "", "", "", "")[1]
    gallery.file(names[0]).write_bytes(b"broken")
    gallery.file(names[1]).unlink()
    assert [*visit.listed(0, "", "", "", "")[1]] == [names[0], *names[2:]], "a file that is not there is not listed"
    for number, expected in ((0, "not a readable image"), (1, "no longer stored"), (2, "")):
        event = types.SimpleNamespace(index=number)
        path, picked, _, remark, *_ = asyncio.run(visit.pick(names, "en", Running(), event))
        assert expected in remark and bool(path and picked) is not bool(expected)


def test_regions_have_the_names_of_the_store(tmp_path):
    with duckdb.connect(str(tmp_path / "store.duckdb")) as connection:
        connection.execute("CREATE TABLE label AS SELECT 'Q155' AS entity, 'ar' AS language, 'البرازيل' AS text")
    values, store = ["brazil", "china", "<x>"], tmp_path / "store.duckdb"
    arabic = dict(layout.filter_choices("ar", "region", values, store))
    assert arabic["البرازيل"] == "brazil" and arabic["China"] == "china" and next(iter(arabic.values())) == ""
    assert "Brazil" in dict(layout.filter_choices("en", "region", values, store))
    assert "Brazil" in dict(layout.filter_choices("ar", "region", values, None))


def test_no_event_of_the_page_can_be_called_as_an_api():
    blocks = page.page([Target("http://127.0.0.1:9/v1", "m")], Gallery([]), notes=[], store=None)
    events = blocks.config["dependencies"]
    assert len(events) > 20 and {event["api_visibility"] for event in events} == {"private"}
