"""Parts that the page is opened with: the checkpoint, the exports, and facts about the models."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from demos.ask.answers import Target
from pangea_cultural.dataset.export import MANIFEST, Export
from pangea_cultural.endpoint.client import Endpoint
from pangea_cultural.endpoint.identity import identity_of, training_record
from pangea_cultural.errors import UserError
from pangea_cultural.workspace import Workspace

UNKNOWN = "The training of this model is not known, nor are its languages."


class Model(NamedTuple):
    """A model that is asked."""

    target: Target
    notes: list[str]
    """Facts about it, one sentence each."""
    languages: list[str]
    """Codes of the languages of its training; none if they are not known."""


def checkpoint(workspace: Workspace, name: str | None) -> Path:
    """Return the folder of a checkpoint: that of a name, or the newest one.

    Raises:
        UserError: the workspace has no checkpoint.
    """
    if name:
        return workspace.checkpoints / name
    found = [path.parent for path in workspace.checkpoints.glob("*/config.json")]
    if not found:
        raise UserError(f"No checkpoint in {workspace.checkpoints}. Train one with `pcult train`, or pass --endpoint.")
    return max(found, key=lambda path: ((path / "config.json").stat().st_mtime, path.name))


def exports(workspace: Workspace, names: Sequence[str], note: Callable[[str], None]) -> list[Export]:
    """Return the exports of these names, or all complete ones of the workspace.

    Args:
        workspace: it has the exports.
        names: names of exports; none for all.
        note: called with a line about each export that cannot be read.

    Raises:
        UserError: one of the names has no complete export.
    """
    if names:
        return [Export.open(workspace.exports / name) for name in dict.fromkeys(names)]
    found = []
    for path in sorted(workspace.exports.glob(f"*/{MANIFEST}")):
        try:
            found.append(Export.open(path.parent))
        except UserError as error:  # such as an export of an older version
            note(f"{path.parent.name} is not in the gallery. {error}")
    return found


def models(workspace: Workspace, addresses: Sequence[tuple[str, str | None]]) -> list[Model]:
    """Return the models of endpoints, by what the endpoints and this workspace say about them.

    Args:
        workspace: it has the records of trainings.
        addresses: URL and key of each endpoint.

    Raises:
        UserError: an endpoint does not answer, refuses the key or serves no model.
    """
    found = []
    for url, key in addresses:
        identity = identity_of(lambda url=url, key=key: Endpoint(url, api_key=key))  # type: ignore[misc]
        record = training_record(sorted(workspace.checkpoints.glob("*")), identity)
        notes = record.get("statements") or [UNKNOWN]
        name = [f"{identity.model}: "] if len(addresses) > 1 else [""]
        target = Target(url.rstrip("/"), identity.model, key)
        found.append(Model(target, [name[0] + note for note in notes], record.get("languages", [])))
    return found
