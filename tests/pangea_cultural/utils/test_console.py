"""Progress bars and notes."""

import io
import time

import pytest
from rich.console import Console

from pangea_cultural.utils import console
from pangea_cultural.utils.console import Reporter


def test_bar_estimates_remaining_time_of_slow_steps():
    seconds = 0
    reporter = Reporter()
    reporter.console = Console(
        file=io.StringIO(), force_terminal=True, color_system=None, width=120, get_time=lambda: seconds
    )
    with reporter.bar("train", 4, "steps") as bar:
        for _ in range(2):
            seconds += 200
            bar.advance()
    assert "0:06:40 0:06:40" in reporter.console.file.getvalue(), "elapsed and remaining time"


def test_note_is_logged_also_when_quiet(caplog, capsys):
    with caplog.at_level("INFO", logger="pangea_cultural"):
        Reporter(quiet=True).note("build: 3 entities")
    assert caplog.messages == ["build: 3 entities"]
    assert capsys.readouterr().err == ""


def test_bar_is_a_line_each_period_without_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(console, "LINE_PERIOD_S", 0.02)
    with Reporter().bar("images [/x]", 10, "entities") as bar:
        bar.advance(3, extra="2 MB")
        line, printed, deadline = "images [/x]: 3 of 10 entities, 0 min, 2 MB\n", "", time.monotonic() + 60
        while printed.count(line) < 2 and time.monotonic() < deadline:
            time.sleep(0.01)
            printed += capsys.readouterr().err
    assert printed.endswith(2 * line)
    capsys.readouterr()
    time.sleep(0.1)
    assert capsys.readouterr().err == "", "a line after the end"


def test_bar_prints_nothing_within_the_first_minute_or_if_quiet(monkeypatch, capsys):
    assert console.LINE_PERIOD_S == 60
    with Reporter().bar("short", None) as bar:
        bar.advance()
    monkeypatch.setattr(console, "LINE_PERIOD_S", 0.01)
    with Reporter(quiet=True).bar("quiet", 4) as bar:
        bar.advance()
        time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_bar_of_a_terminal_shows_labels_that_look_like_markup():
    reporter = Reporter()
    reporter.console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=120)
    with reporter.bar("select: [/x].json", 4, "[/b]") as bar:
        bar.advance(extra="[/c]")
    shown = reporter.console.file.getvalue()
    assert all(text in shown for text in ("select: [/x].json", "[/b]", "[/c]"))


@pytest.mark.parametrize("text", ["[/b]", "a\\[/b]", "\\"])
def test_table_shows_titles_columns_and_cells_that_look_like_markup(text):
    shown = Console(file=io.StringIO(), width=120)
    shown.print(console.table(f"title {text}", [f"column {text}"], [[f"cell {text}"]]))
    assert all(f"{name} {text}" in shown.file.getvalue() for name in ("title", "column", "cell"))


@pytest.mark.parametrize("columns", [None, "60"])
def test_table_in_a_pipe_keeps_every_character(capsys, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns) if columns else monkeypatch.delenv("COLUMNS", raising=False)
    values = [f"{n}{n}.{n} [{n}.0, 99.{n}]" for n in range(1, 9)]
    console.results_console().print(console.table("Figures", values, [values]))
    printed = capsys.readouterr().out
    assert "\N{HORIZONTAL ELLIPSIS}" not in printed
    assert (values[7] in printed) == (columns is None)
