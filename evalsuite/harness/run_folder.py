"""Folders of runs: which may be written to, and which answers in them are still valid."""

from pathlib import Path
from typing import Protocol

from pangea_cultural.errors import UserError
from pangea_cultural.utils.files import leftover_temporaries, write_bytes

FINGERPRINT = "fingerprint"


def require_run_folder(folder: Path) -> None:
    """Accept a new folder, an empty one or the folder of a run, because an evaluation replaces files in it.

    Raises:
        UserError: the folder contains other files.
    """
    # A run writes its fingerprint first. If it is killed there, only a temporary file exists.
    fingerprint = folder / FINGERPRINT
    if fingerprint.is_file() or not folder.is_dir():
        return
    if set(folder.iterdir()) - set(leftover_temporaries(fingerprint)):
        raise UserError(f"{folder} is not empty and is not an evaluation run. Choose another folder with --out.")


class Fingerprinted(Protocol):
    """Settings with a hash of everything that the answers depend on."""

    def fingerprint(self) -> str:
        """Return the hash."""


def reset_if_changed(config: Fingerprinted, folder: Path) -> None:
    """Keep the answers of an interrupted run with the same settings; remove those of other settings."""
    fingerprint = folder / FINGERPRINT
    if not (fingerprint.is_file() and fingerprint.read_text() == config.fingerprint()):
        # results.json marks a finished run. Remove it first, so that a kill leaves no outdated results.
        (folder / "results.json").unlink(missing_ok=True)
        (folder / "answers.jsonl").unlink(missing_ok=True)
        write_bytes(fingerprint, config.fingerprint().encode())
