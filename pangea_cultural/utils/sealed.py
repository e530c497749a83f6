"""Files that are named by the SHA-256 of their content, and a cheap check of millions of them.

A file is sealed with a fixed time of modification, which any later write replaces. So a sealed file of the right size
is intact, and only others are hashed: a check takes one `stat` for each file. It does not see decay of the disk.
"""

import os
import stat
from pathlib import Path

from pangea_cultural.utils.files import atomic_path, sha256_file

SEALED_NS = 946_684_800 * 10**9
"""2000-01-01 in UTC. Every file system can hold it."""


def write_sealed(path: Path, content: bytes) -> None:
    """Write a file atomically and seal it."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
        os.utime(temporary, ns=(SEALED_NS, SEALED_NS))


def seal(path: Path) -> None:
    """Seal a file whose content is known to be right."""
    os.utime(path, ns=(SEALED_NS, SEALED_NS))


def is_intact(path: Path | str, size: int) -> bool:
    """Return whether a file exists and has the content of its name. A file that is not sealed is hashed, then sealed.

    Args:
        path: the file, whose name without suffix is the SHA-256 of its content.
        size: its right size in bytes.
    """
    try:
        state = os.stat(path)  # noqa: PTH116 - a Path takes longer to make than its file to look at
    except OSError:
        return False
    if not stat.S_ISREG(state.st_mode) or state.st_size != size:
        return False
    if state.st_mtime_ns == SEALED_NS:
        return True
    file = Path(path)
    if sha256_file(file) != file.stem:
        return False
    seal(file)
    return True
