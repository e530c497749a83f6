"""Intervals and tests of scores, as pure functions on arrays. `docs/evaluation.md` has their sources."""
