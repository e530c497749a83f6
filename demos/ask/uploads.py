"""Uploaded images: their paths, and what is wrong with them."""

import os
from pathlib import Path
from typing import Any

from pangea_cultural.errors import ImageError
from pangea_cultural.utils.images import FILE_TOO_LARGE, MISSING, TOO_MANY_PIXELS, verify

LARGEST_UPLOAD = "32mb"
"""Limit of the server. That of an image is lower, and is explained in the visitor's language."""
PROBLEMS = {FILE_TOO_LARGE: "file_large", TOO_MANY_PIXELS: "too_many_pixels", MISSING: "expired"}
OTHER_PROBLEM = "unreadable"
UNOPENED: dict[str, Any] = {"preprocess": False}
"""Option of an event with an image."""


def path_of(value: Any) -> str | None:
    """Return the path of a file in an image field; None if there is none.

    Events with `UNOPENED` get the field's value as it is: its path, which Gradio has checked to be that of an upload or
    of a file of the page. Otherwise Gradio would open every format that Pillow knows, and show `Error` for other files.
    """
    path = value.get("path") if isinstance(value, dict) else None
    return path if isinstance(path, str) and path else None


def problem(path: str) -> str:
    """Return the name of the text about what is wrong with an image file; an empty text if it can be asked about.

    Its age begins again, so that a file in use is not deleted.
    """
    file = Path(path)
    try:
        verify(file.read_bytes())
        if os.environ.get("GRADIO_TEMP_DIR") and file.is_relative_to(os.environ["GRADIO_TEMP_DIR"]):
            os.utime(file)
    except FileNotFoundError:
        return PROBLEMS[MISSING]
    except OSError:
        return OTHER_PROBLEM
    except ImageError as error:
        return PROBLEMS.get(error.reason, OTHER_PROBLEM)
    return ""
