"""Results of statsmodels, which the project does not need: `made.py` computes them in an environment that has it."""

from pathlib import Path

import orjson

STATSMODELS = orjson.loads((Path(__file__).parent / "statsmodels.json").read_bytes())
