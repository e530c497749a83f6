"""Progress bars and notes."""

import io

from rich.console import Console

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
