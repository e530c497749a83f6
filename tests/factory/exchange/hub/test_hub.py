"""Push and pull, against a server with the hub's HTTP API."""

import logging
import shutil

import pytest

from factory.exchange.hub import pull as pulling
from factory.exchange.hub import push as pushing
from factory.exchange.hub import safety
from pangea_cultural.errors import UserError
from pangea_cultural.utils.archives import Limits
from pangea_cultural.utils.hub import files as hub_files
from pangea_cultural.utils.hub import guard
from tests.factory.exchange import exported
from tests.helpers.servers.hub_server import TOKEN, HubServer, asked
from tests.helpers.store_contents import files


@pytest.fixture
def hub(monkeypatch):
    with asked(monkeypatch) as server:
        yield server


def push(folder, **options):
    return pushing.push(folder, "user/castles", private=False, quiet=True, **options)


def pull(folder, **options):
    options = {"revision": None, "include": (), "overwrite": False, "quiet": True} | options
    return pulling.pull("user/castles", folder, **options)


@pytest.mark.parametrize("name", ["parquet", "culturalground", "native"])
def test_pulled_data_set_has_the_bytes_of_the_pushed_one(hub, in_formats, tmp_path, name):
    commit = push(in_formats / name)
    pulled = pull(tmp_path / "new")
    assert files(tmp_path / "new") == files(in_formats / name)
    assert pulled.commit == commit and pulled.files == len(files(in_formats / name))
    assert hub.objects, "large files went to the storage"
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_push_is_one_commit_that_replaces_files_of_an_earlier_one(hub, in_formats, tmp_path):
    first = push(in_formats / "messages")
    second = push(in_formats / "parquet")
    assert sum("/commit/" in path for _, path in hub.requests) == 2
    assert set(hub.repositories["user/castles"][second]) == set(files(in_formats / "parquet"))
    pull(tmp_path / "old", revision=first)
    assert files(tmp_path / "old") == files(in_formats / "messages")


def test_interrupted_push_resumes_without_files_that_arrived(hub, in_formats):
    hub.fail_upload_after = 2
    with pytest.raises(UserError, match="again to resume"):
        push(in_formats / "parquet")
    arrived = set(hub.objects)
    assert len(arrived) == 2 and len(hub.repositories["user/castles"]) == 1, "no commit of a part"
    hub.fail_upload_after, hub.requests = None, []
    push(in_formats / "parquet")
    sent = {path.removeprefix("/storage/") for method, path in hub.requests if method == "PUT"}
    assert sent and not sent & arrived


def test_connection_that_breaks_resumes_within_the_file(hub, in_formats, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 1_000)
    push(in_formats / "parquet")
    hub.break_downloads_at = 8_000
    pull(tmp_path / "new")
    assert hub.ranges and all(value.startswith("bytes=8000-") for _, value in hub.ranges)
    assert files(tmp_path / "new") == files(in_formats / "parquet")


def test_interrupted_pull_keeps_finished_files(hub, in_formats, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.file_download.time.sleep", lambda seconds: None)
    push(in_formats / "parquet")
    hub.break_downloads_at = 100
    with pytest.raises(UserError, match="again to resume"):
        pull(tmp_path / "new")
    assert not (tmp_path / "new").exists()
    (partial,) = tmp_path.iterdir()
    finished = {path for path in files(partial) if not path.startswith(".cache")}
    assert finished, "small files have arrived"
    hub.break_downloads_at, hub.requests = None, []
    pull(tmp_path / "new")
    fetched = {path.split("/", 6)[-1] for method, path in hub.requests if method == "GET" and "/resolve/" in path}
    assert fetched and not fetched & finished
    assert files(tmp_path / "new") == files(in_formats / "parquet")


def test_damaged_download_is_an_error(hub, in_formats, tmp_path):
    push(in_formats / "parquet")
    hub.damage = True
    with pytest.raises(UserError, match="is damaged"):
        pull(tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_part_of_a_data_set(hub, in_formats, tmp_path):
    push(in_formats / "culturalground")
    pull(tmp_path / "new", include=("CultureGroundImages/japan.tar.gz", "*.md"))
    assert set(files(tmp_path / "new")) == {"CultureGroundImages/japan.tar.gz", "README.md", "ATTRIBUTION.md"}
    with pytest.raises(UserError, match="--include"):
        pull(tmp_path / "other", include=("nothing",))


def test_token_is_from_the_environment_only(hub, in_formats, tmp_path, monkeypatch):
    (tmp_path / "token").write_text(TOKEN)
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UserError, match="HF_TOKEN is not set"):
        push(in_formats / "parquet")
    assert hub.requests == []


@pytest.mark.parametrize("token", ["hf_wrong", "hf wrong"])
def test_wrong_token_is_one_line_without_the_token(hub, in_formats, monkeypatch, caplog, token):
    monkeypatch.setenv("HF_TOKEN", token)
    with caplog.at_level(logging.DEBUG), pytest.raises(UserError) as error:
        push(in_formats / "parquet")
    assert "Set HF_TOKEN to a valid one" in str(error.value)
    assert token not in str(error.value) and token not in caplog.text


def test_private_or_missing_data_set_is_one_line(hub, in_formats, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="does not show"):
        pull(tmp_path / "new")
    pushing.push(in_formats / "parquet", "user/castles", private=True, quiet=True)
    assert pull(tmp_path / "new").files
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UserError, match="set HF_TOKEN"):
        pull(tmp_path / "other")
    with pytest.raises(UserError, match="--revision"):
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        pull(tmp_path / "other", revision="v9")


def test_hub_that_does_not_answer_is_one_line(in_formats, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with pytest.raises(UserError, match="The hub broke off"):
        push(in_formats / "parquet")


@pytest.mark.parametrize("name", ["castles/../x", "a b", "a/b/c"])
def test_wrong_name_is_one_line(hub, in_formats, name):
    with pytest.raises(UserError, match="USER/NAME"):
        pushing.push(in_formats / "parquet", name, private=False, quiet=True)


def test_only_data_sets_with_a_card_are_pushed(hub, castle_export, tmp_path, monkeypatch):
    with pytest.raises(UserError, match="pcult data export"):
        push(castle_export.path)
    monkeypatch.setattr(pushing, "MAX_FILES", 3)
    exported.write(castle_export, "native", tmp_path / "native")
    with pytest.raises(UserError, match="--format parquet"):
        push(tmp_path / "native")
    assert hub.requests == []


def test_a_link_to_a_file_outside_is_not_sent(hub, in_formats, tmp_path):
    folder = shutil.copytree(in_formats / "messages", tmp_path / "messages")
    (tmp_path / "key").write_text("secret")
    (folder / "notes.txt").symlink_to(tmp_path / "key")
    with pytest.raises(UserError, match=r"notes\.txt is a link to a file outside"):
        push(folder)
    assert hub.requests == []
    (folder / "notes.txt").unlink()
    (folder / "notes.txt").symlink_to(folder / "README.md")
    push(folder)


def test_existing_folder_is_kept_without_overwrite(hub, in_formats, tmp_path):
    push(in_formats / "parquet")
    pull(tmp_path / "new")
    with pytest.raises(UserError, match="--overwrite"):
        pull(tmp_path / "new")
    push(in_formats / "messages")
    pull(tmp_path / "new", overwrite=True)
    assert files(tmp_path / "new") == files(in_formats / "messages")
    (tmp_path / "own").mkdir()
    (tmp_path / "own/thesis.txt").write_text("the user's")
    with pytest.raises(UserError, match="not a data set"):
        pull(tmp_path / "own", overwrite=True)


EVIL = (
    *("../../evil.txt", "/tmp/evil.txt", "a/../../evil.txt", "a\\evil.txt", "C:evil.txt", "a\nevil.txt"),
    *("evil\x1b.txt", ".git/evil.txt", ".cache/evil.txt", "./evil.txt", "a//evil.txt", "evil" * 100),
)


@pytest.mark.parametrize("name", EVIL)
def test_name_that_is_not_one_of_a_data_set_is_refused_before_a_file_is_written(hub, in_formats, tmp_path, name):
    commit = push(in_formats / "messages")
    hub.repositories["user/castles"][commit][name] = ("2" * 40, b"evil")
    with pytest.raises(UserError, match="Do not use this data set") as error:
        pull(tmp_path / "a/b/new")
    assert "\n" not in str(error.value) and files(tmp_path) == {}


def test_data_set_that_is_larger_than_the_disk_is_refused_before_a_file_is_written(
    hub, in_formats, tmp_path, monkeypatch
):
    push(in_formats / "messages")
    hub.sizes = {"README.md": 10**18}
    monkeypatch.setattr(safety, "LIMITS", Limits(file_bytes=10**19))
    with pytest.raises(UserError, match="Name a part"):
        pull(tmp_path / "new")
    assert files(tmp_path) == {}


@pytest.mark.parametrize("size", [10**18, -5])
def test_file_of_a_size_that_no_archive_may_have_is_refused(hub, in_formats, tmp_path, size):
    push(in_formats / "messages")
    hub.sizes = {"README.md": size}
    with pytest.raises(UserError, match=f"{size:,} bytes"):
        pull(tmp_path / "new")
    assert files(tmp_path) == {}


def test_more_files_than_an_archive_may_have_are_refused(hub, in_formats, tmp_path, monkeypatch):
    push(in_formats / "messages")
    monkeypatch.setattr(hub_files, "LIMITS", Limits(files=2))
    with pytest.raises(UserError, match=r"more than 2 files\. Do not use this data set"):
        pull(tmp_path / "new")
    assert files(tmp_path) == {}


def test_file_that_is_longer_than_its_size_ends_at_a_limit(hub, in_formats, tmp_path, monkeypatch):
    push(in_formats / "messages")
    hub.padding = 4_000_000
    monkeypatch.setattr(pulling, "LISTING_BYTES", 1_000)
    with pytest.raises(UserError, match="more than") as error:
        pull(tmp_path / "new")
    assert "\n" not in str(error.value) and not (tmp_path / "new").exists()
    assert sum(map(len, files(tmp_path).values())) < hub.padding


def test_file_of_another_size_is_damaged(hub, in_formats, tmp_path):
    push(in_formats / "parquet")
    hub.padding = 1
    with pytest.raises(UserError, match=r"is damaged|should be of size"):
        pull(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_redirect_to_a_private_address_is_refused_if_the_hub_is_public(hub, in_formats, tmp_path, monkeypatch):
    push(in_formats / "parquet")
    hub.redirect = "http://127.0.0.2:9/latest/meta-data"
    monkeypatch.setattr(guard, "is_public", lambda host: host != "127.0.0.2")
    with pytest.raises(UserError, match=r"127\.0\.0\.2, which is a private address"):
        pull(tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_token_is_not_sent_to_another_host(hub, in_formats, tmp_path):
    push(in_formats / "parquet")
    with HubServer().running() as storage:
        hub.redirect = storage.url.replace("127.0.0.1", "localhost")
        with pytest.raises(UserError):
            pull(tmp_path / "new")
        assert storage.requests and not any(storage.tokens)
    assert TOKEN in str(hub.tokens)


def test_data_set_that_changes_during_a_pull_is_that_of_one_commit(hub, in_formats, tmp_path, monkeypatch):
    first = push(in_formats / "parquet")
    listed = pulling.remote_files

    def change(*arguments, **options):
        found = listed(*arguments, **options)
        push(in_formats / "messages")
        return found

    monkeypatch.setattr(pulling, "remote_files", change)
    assert pull(tmp_path / "new").commit == first
    assert files(tmp_path / "new") == files(in_formats / "parquet")


@pytest.mark.parametrize("answer", [{}, [], {"sha": "../../x"}, {"sha": None}, {"id": 3, "sha": "x"}])
def test_response_of_another_shape_is_one_line(hub, in_formats, tmp_path, answer):
    push(in_formats / "messages")
    hub.answer = answer
    with pytest.raises(UserError) as error:
        pull(tmp_path / "new")
    assert "\n" not in str(error.value) and files(tmp_path) == {}
