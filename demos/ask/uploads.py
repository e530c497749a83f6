"""Uploaded images: their paths, and what is wrong with them."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from demos.serving import FOLDER
from pangea_cultural.errors import ImageError
from pangea_cultural.utils.images import FILE_TOO_LARGE, FORMATS, MISSING, TOO_MANY_PIXELS, decode, read_rgb, verify

LARGEST_UPLOAD = "32mb"
"""Limit of the server. That of an image is lower, and is explained in the visitor's language."""
PROBLEMS = {FILE_TOO_LARGE: "file_large", TOO_MANY_PIXELS: "too_many_pixels", MISSING: "expired"}
OTHER_PROBLEM = "unreadable"
IN_BROWSERS = frozenset(("AVIF", "BMP", "GIF", "JPEG", "MPO", "PNG", "WEBP"))
"""Formats that browsers show."""
UNOPENED: dict[str, Any] = {"preprocess": False}
"""Option of an event with an image."""


def path_of(value: Any) -> str | None:
    """Return the path of a file in an image field; None if there is none. The browser sends it: it may be any path.

    Events with `UNOPENED` get the field's value as it is. Otherwise Gradio would open every format that Pillow knows,
    and show `Error` for other files.
    """
    path = value.get("path") if isinstance(value, dict) else None
    return path if isinstance(path, str) and path else None


def problem(path: str, folders: Iterable[Path] = ()) -> str:
    """Return the name of the text about what is wrong with an image file; an empty text if it can be asked about.

    Its age begins again, so that a file in use is not deleted.

    Args:
        path: path of the file, as the browser sends it.
        folders: folders of images that the page shows. Files outside of them and of the uploads are as if missing.
    """
    uploaded = [Path(os.environ[FOLDER])] if os.environ.get(FOLDER) else []
    try:
        # Gradio checks only paths that a browser marks as such, so that any file could be read and shown.
        file = Path(path).resolve(strict=True)
        if not any(file.is_relative_to(folder.resolve()) for folder in (*uploaded, *folders)):
            return PROBLEMS[MISSING]
        verify(file.read_bytes())
        if any(file.is_relative_to(folder.resolve()) for folder in uploaded):
            os.utime(file)
    except (FileNotFoundError, ValueError):  # a path with a zero byte is a ValueError
        return PROBLEMS[MISSING]
    except (OSError, RuntimeError):  # such as links in a circle
        return OTHER_PROBLEM
    except ImageError as error:
        return PROBLEMS.get(error.reason, OTHER_PROBLEM)
    return ""


def shown(path: str) -> str:
    """Return the path of an image that browsers show: the same, or that of a PNG file beside it.

    Raises:
        ImageError: it is not a readable image.
        OSError: the PNG file cannot be written.
    """
    if decode(Path(path), FORMATS, lambda image: str(image.format)) in IN_BROWSERS:
        return path
    target = Path(path).with_name("shown.png")
    read_rgb(Path(path)).save(target, compress_level=1)
    return str(target)
