"""The benchmarks by name, and the groups of them."""

from collections.abc import Iterable

from evalsuite.benchmarks import export
from evalsuite.benchmarks.base import Benchmark
from evalsuite.benchmarks.culture import (
    afri_mcqa,
    alm_bench,
    cvqa,
    kaleidoscope,
    m3exam,
    marvl,
    maxm,
    merlin,
    merlin_rare,
    mmcultureqa,
    ravenea,
    worldcuisines,
    xm100,
)
from evalsuite.benchmarks.mainstream import (
    aya_vision_bench,
    llava_bench,
    mmmb,
    mtvqa,
    textvqa,
    xchat,
    xgqa,
    xmmmu,
)
from pangea_cultural.errors import unknown

_MODULES = (
    *(alm_bench, cvqa, marvl, maxm, m3exam, merlin, merlin_rare, xm100, worldcuisines, afri_mcqa, kaleidoscope),
    *(ravenea, mmcultureqa, xgqa, xmmmu, textvqa, mtvqa, mmmb, xchat, llava_bench, aya_vision_bench),
)
PUBLISHED: dict[str, Benchmark] = {benchmark.name: benchmark for module in _MODULES for benchmark in module.BENCHMARKS}
"""Benchmarks over published data sets, in the order of reports."""
NAMES = (export.NAME, *PUBLISHED)
GROUPS: dict[str, tuple[str, ...]] = {
    "culture": tuple(name for name, benchmark in PUBLISHED.items() if "culture" in benchmark.groups),
    "mainstream": tuple(name for name, benchmark in PUBLISHED.items() if "mainstream" in benchmark.groups),
    "held-out": tuple(name for name, benchmark in PUBLISHED.items() if "held-out" in benchmark.groups),
    "all": NAMES,
}


def resolve(names: Iterable[str]) -> tuple[str, ...]:
    """Return the benchmarks of names and groups, in their order and without repetitions.

    Raises:
        UserError: a name is neither a benchmark nor a group.
    """
    found: dict[str, None] = {}
    for name in names:
        if name not in NAMES and name not in GROUPS:
            raise unknown("benchmark", name, (*NAMES, *GROUPS))
        found |= dict.fromkeys(GROUPS.get(name, (name,)))
    return tuple(found)
