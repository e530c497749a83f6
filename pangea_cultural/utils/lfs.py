"""Pointers of Git LFS, which a clone without it has in place of large files."""

from pathlib import Path

from pangea_cultural.errors import UserError

POINTER = b"version https://git-lfs"
"""Beginning of a pointer."""


def require_content(path: Path) -> None:
    """Check that a file is not a pointer.

    Raises:
        UserError: it is one.
    """
    with path.open("rb") as stream:
        if stream.read(len(POINTER)) == POINTER:
            raise UserError(f"{path} is a Git LFS pointer, not the file. Run `git lfs pull` in {path.parent}.")
