"""Start of a Gradio page in the background, and the wait for its end."""

import signal
import time
from pathlib import Path
from typing import Any

import click
import gradio as gr

from pangea_cultural.errors import UserError


def theme() -> gr.themes.Base:
    """Return the theme of all pages. It has system fonts, because others are loaded over the network."""
    return gr.themes.Soft(primary_hue="emerald", font=["system-ui", "sans-serif"], font_mono=["monospace"])


def launch(
    blocks: gr.Blocks, *, host: str, port: int, allowed: list[Path], css: str, theme: gr.themes.Base, **options: Any
) -> str:
    """Start the page in the background and return its address.

    Args:
        blocks: the page.
        host: address to listen on.
        port: TCP port.
        allowed: files and folders that the page may show.
        css: styles of the page.
        theme: theme of the page.
        options: further options of `Blocks.launch`.

    Raises:
        UserError: the port is in use.
    """
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
            **options,
        )
    except OSError as error:
        raise UserError(f"Port {port} is in use. Choose another with --port.") from error
    return url


def end_with_interrupt() -> None:
    """Handle SIGTERM, by which service managers stop a process, as Ctrl-C."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def wait(blocks: gr.Blocks) -> None:
    """Wait for Ctrl-C, and stop the page."""
    try:
        while True:
            time.sleep(1)
    except KeyboardInterrupt:
        blocks.close()
        click.echo("Stopped.", err=True)
