"""lighteval's own command line with this project's patches: `python -m evalsuite.lighteval`.

lighteval 0.13 asks the hub and other servers when it is imported, and its logger breaks with xxhash 4. All of its
commands are there. Its built-in tasks are not: they download files when they are imported.
"""

import logging
from typing import Any

from evalsuite.harness import lighteval_patches


def commands() -> Any:
    """Return lighteval's commands, an application of typer."""
    lighteval_patches.apply_patches()
    known = [logger for logger in logging.root.manager.loggerDict.values() if isinstance(logger, logging.Logger)]
    enabled = [logger for logger in known if not logger.disabled]
    from lighteval.__main__ import app

    # Its configuration switches off all loggers that exist already.
    for logger in enabled:
        logger.disabled = False
    return app


if __name__ == "__main__":
    commands()()
