"""What a person sees of a long job."""

import io

from rich.console import Console

from pangea_cultural.utils.console import Reporter


def test_remaining_time_is_told_where_a_step_takes_minutes():
    seconds = 0
    reporter = Reporter()
    reporter.console = Console(
        file=io.StringIO(), force_terminal=True, color_system=None, width=120, get_time=lambda: seconds
    )
    with reporter.bar("train", 4, "steps") as bar:
        for _ in range(2):
            seconds += 200
            bar.advance()
    assert "0:06:40 0:06:40" in reporter.console.file.getvalue(), "gone by, and left"
