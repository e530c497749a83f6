"""Start of a Gradio page in the background, and the wait for its end."""

import contextlib
import logging
import os
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import gradio as gr
from starlette.middleware import Middleware

from demos.protection import Protection
from demos.titles import Titled
from demos.waiting import MOST_WAITING, limit
from pangea_cultural.errors import UserError

DELETE_CACHE = (60, 600)
"""Seconds between two deletions of uploads, and the age from which on they are deleted."""
FOLDER = "GRADIO_TEMP_DIR"
AT_A_TIME = 8
END_S = 2
"""Seconds in which responses to visitors may end when a page stops. Then their connections are closed."""
MOST_SESSIONS = 1000
"""Visitors whose conversations are kept. The oldest are forgotten first."""


def theme() -> gr.themes.Base:
    """Return the theme of all pages. It has system fonts, because others are loaded over the network.

    Labels and buttons are darker than the theme's, whose contrast is 2.2 to 1. People with weak eyes need 4.5 to 1.
    """
    base = gr.themes.Soft(primary_hue="emerald", font=["system-ui", "sans-serif"], font_mono=["monospace"])
    return base.set(
        block_title_text_color="*primary_800",
        block_title_text_color_dark="*primary_100",
        block_label_text_color="*primary_800",
        block_label_text_color_dark="*primary_100",
        block_title_background_fill_dark="*primary_900",
        block_label_background_fill_dark="*primary_900",
        button_secondary_background_fill_hover_dark="*neutral_700",
        button_primary_background_fill="*primary_700",
        button_primary_background_fill_hover="*primary_800",
        button_primary_background_fill_dark="*primary_700",
        button_primary_background_fill_hover_dark="*primary_800",
        checkbox_label_background_fill_selected="*primary_700",
        checkbox_label_background_fill_selected_dark="*primary_700",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
    )


@contextlib.contextmanager
def private_folder() -> Iterator[Path]:
    """Give a folder for uploads that only this user can read, and that is deleted at the end.

    Gradio reads its variable when components are made. So make the page in the block.
    """
    before = os.environ.get(FOLDER)
    with tempfile.TemporaryDirectory(prefix="pcult-page-", ignore_cleanup_errors=True) as name:
        os.environ[FOLDER] = os.path.realpath(name)
        try:
            yield Path(os.environ[FOLDER])
        finally:
            os.environ.pop(FOLDER)
            if before is not None:
                os.environ[FOLDER] = before


def launch(
    blocks: gr.Blocks,
    *,
    host: str,
    port: int,
    allowed: list[Path],
    css: str,
    theme: gr.themes.Base,
    hosts: Sequence[str] = (),
    **options: Any,
) -> str:
    """Start the page in the background and return its address.

    Args:
        blocks: the page.
        host: address to listen on.
        port: TCP port.
        allowed: files and folders that the page may show.
        css: styles of the page.
        theme: theme of the page.
        hosts: further names by which browsers may open the page.
        options: further options of `Blocks.launch`.

    Raises:
        UserError: the port is in use.
    """
    uploads = Path(os.environ[FOLDER]) if FOLDER in os.environ else None
    blocks.queue(max_size=MOST_WAITING, default_concurrency_limit=AT_A_TIME)
    limit(blocks)
    try:
        _, url, _ = blocks.launch(
            server_name=host,
            server_port=port,
            share=False,
            quiet=True,
            prevent_thread_lock=True,
            allowed_paths=[str(path) for path in allowed],
            theme=theme,
            css=css,
            footer_links=[],
            # Explicit, because environment variables and later versions change the defaults.
            ssr_mode=False,
            run_history=False,
            mcp_server=False,
            enable_monitoring=False,
            state_session_capacity=MOST_SESSIONS,
            app_kwargs={
                "middleware": [
                    Middleware(Protection, host=host, hosts=hosts, uploads=uploads),
                    Middleware(Titled, title=str(blocks.title)),
                ]
            },
            **options,
        )
    except OSError as error:
        raise UserError(f"Port {port} is in use. Choose another with --port.") from error
    return url


def end_with_interrupt() -> None:
    """Handle SIGTERM, by which service managers stop a process, as Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def stop(blocks: gr.Blocks) -> None:
    """Stop a page, also while visitors wait: a thread that still runs at the end of Python prints errors.

    A second Ctrl-C has no effect in these seconds.
    """
    if server := getattr(blocks, "server", None):
        server.config.timeout_graceful_shutdown = END_S
        # Each connection that is closed is an error with a traceback there.
        logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        blocks.close(verbose=False)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait(blocks: gr.Blocks, problem: Callable[[], str] = lambda: "") -> None:
    """Wait for Ctrl-C, and stop the page.

    Args:
        blocks: the page.
        problem: returns why the page has to end; an empty text if it has not.

    Raises:
        UserError: there is a problem.
    """
    try:
        while not (found := problem()):
            time.sleep(1)
    except KeyboardInterrupt:
        stop(blocks)
        click.echo("Stopped.", err=True)
        return
    stop(blocks)
    raise UserError(found)
