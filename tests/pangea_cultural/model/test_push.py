"""`pcult push` of a checkpoint, against a server with the hub's HTTP API."""

import httpx
import numpy as np
import pytest
from click.testing import CliRunner
from huggingface_hub import HfApi
from safetensors.numpy import save_file

from pangea_cultural.errors import UserError
from pangea_cultural.model import push as pushing
from pangea_cultural.model.cli import push as command
from pangea_cultural.utils.hub import upload
from tests.helpers.servers.hub_server import TOKEN, asked
from tests.helpers.store_contents import files

NAME = "user/model"


@pytest.fixture
def hub(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_TOKEN_PATH", str(tmp_path / "token"))
    with asked(monkeypatch) as server:
        yield server


@pytest.fixture
def checkpoint(tmp_path):
    """A folder with the files of a checkpoint, of which the weights are large."""
    folder = tmp_path / "checkpoint"
    (folder / "logs").mkdir(parents=True)
    (folder / "README.md").write_text("---\nlicense: apache-2.0\nlibrary_name: transformers\n---\n# A model\n")
    (folder / "config.json").write_text("{}")
    save_file({"weight": np.zeros(5_000, dtype="uint8")}, folder / "model.safetensors")
    (folder / "logs/0-main.jsonl").write_text("{}\n")
    (folder / ".cache").write_text("of the system")
    return folder


def push(folder, *options):
    result = CliRunner().invoke(command, [str(folder), NAME, *options])
    if result.exception:
        raise result.exception
    return result.output


def sent(hub):
    """Return the files of the newest commit."""
    return set(list(hub.repositories[NAME].values())[-1])


def test_new_repository_is_private_and_has_the_files_of_the_checkpoint(hub, checkpoint):
    assert "Pushed: user/model at " in push(checkpoint, "--quiet")
    assert sent(hub) == set(files(checkpoint)) - {".cache"} and NAME in hub.private


def test_weights_of_an_earlier_version_are_replaced_and_files_of_others_stay(hub, checkpoint):
    names = ["model-00001-of-00002.safetensors", "model.safetensors.index.json", "adapter.safetensors", "notes.md"]
    stale = ["last-checkpoint/run.json", "adapter/adapter_model.safetensors"]
    earlier = dict.fromkeys([*names, *stale], ("1" * 40, b""))
    hub.repositories[NAME] = {"0" * 40: earlier}
    hub.private.add(NAME)
    push(checkpoint)
    assert sent(hub) == {*files(checkpoint), "adapter.safetensors", "notes.md"} - {".cache"}


def test_public_repository_needs_the_option(hub, checkpoint):
    hub.repositories[NAME] = {"0" * 40: {}}
    with pytest.raises(UserError, match=r"user/model is public\. Allow that with --public, or choose another"):
        push(checkpoint)
    push(checkpoint, "--public")
    assert "model.safetensors" in sent(hub)


def test_repository_of_others_is_refused_before_anything_is_sent(hub, checkpoint):
    hub.repositories[NAME] = {"0" * 40: {}}
    hub.read_only.add(NAME)
    with pytest.raises(UserError, match="The token may not write to user/model"):
        push(checkpoint)
    assert not any(method == "PUT" or "/commit/" in path for method, path in hub.requests)


def test_token_of_the_login_counts_and_without_one_nothing_is_asked(hub, checkpoint, monkeypatch, tmp_path):
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(UserError, match=r"HF_TOKEN is not set\..*or run `hf auth login`"):
        push(checkpoint)
    assert hub.requests == []
    (tmp_path / "token").write_text(TOKEN)
    push(checkpoint)
    hub.refuses_commits = True
    (checkpoint / "config.json").write_text('{"changed": true}')
    with pytest.raises(UserError, match=r"400, No space is left for Bearer \*\*\*") as error:
        push(checkpoint)
    assert TOKEN not in str(error.value)


@pytest.mark.parametrize(("failures", "arrives"), [(2, True), (3, False)])
def test_failure_of_the_network_is_tried_again(hub, checkpoint, monkeypatch, failures, arrives):
    left, original = [None] * failures, HfApi.upload_folder

    def upload_folder(self, **options):
        if left:
            left.pop()
            raise RuntimeError("Error while uploading") from httpx.ConnectError("connection lost")
        return original(self, **options)

    monkeypatch.setattr(HfApi, "upload_folder", upload_folder)
    monkeypatch.setattr(upload, "PAUSES_S", (0, 0))
    if arrives:
        push(checkpoint)
        assert "model.safetensors" in sent(hub)
    else:
        with pytest.raises(UserError, match=r"broke off \(Error while uploading\)\. Run the same command again"):
            push(checkpoint)


@pytest.mark.parametrize(
    ("missing", "message"), [("config.json", "No checkpoint at"), ("README.md", "has no model card. Write a README.md")]
)
def test_only_checkpoints_with_a_card_are_sent(hub, checkpoint, missing, message):
    (checkpoint / missing).unlink()
    with pytest.raises(UserError, match=message):
        push(checkpoint)
    (checkpoint / missing).symlink_to("/etc/hostname")
    with pytest.raises(UserError, match="is a link to a file outside of the checkpoint"):
        pushing.require_checkpoint(checkpoint)
    assert hub.requests == []


def test_truncated_weights_are_not_sent(hub, checkpoint):
    weights = checkpoint / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:4_000])
    with pytest.raises(UserError, match=r"model\.safetensors is truncated or damaged"):
        push(checkpoint)
    assert hub.requests == []
