"""Chromium, which shows pages as people see them. Tests that need it are skipped where it is missing."""

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

PATH = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
FLAGS += ["--disable-sync", "--no-first-run"]
MISSING = "no Chromium: install the package chromium"
needs_chromium = pytest.mark.skipif(PATH is None, reason=MISSING)


@contextlib.contextmanager
def chromium(*flags: str) -> Iterator[Any]:
    """Give a browser; skip the test if there is none.

    While it runs, no other test of the process can start an event loop. So no fixture of a session may hold it.

    Args:
        flags: further flags.
    """
    if PATH is None:
        pytest.skip(MISSING)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=PATH, args=[*FLAGS, *flags])
        yield opened
        opened.close()
