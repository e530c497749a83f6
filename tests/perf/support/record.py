"""Results of a benchmark: a table on the screen, and results/NAME.json with machine, date and command."""

import datetime
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from pangea_cultural.utils.console import table
from pangea_cultural.utils.environment import machine
from pangea_cultural.utils.files import write_json

RESULTS = Path(__file__).parents[1] / "results"


def write(name: str, figures: dict[str, float], *, details: dict[str, Any] | None = None) -> None:
    """Print the figures and write them with machine, date and command."""
    result = {
        "machine": machine(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": f"python -m {sys.modules['__main__'].__spec__.name} " + " ".join(sys.argv[1:]),
        "figures": {key: round(value, 4) if isinstance(value, float) else value for key, value in figures.items()},
        "details": details or {},
    }
    write_json(RESULTS / f"{name}.json", result)
    Console().print(
        table(f"{name}, {result['date']}, {result['machine']}", ["figure", ""], [*map(list, figures.items())])
    )
