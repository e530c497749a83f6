"""The stage `refine`: a language model rewrites questions and sentences, and guards check its answers.

The published data set was refined in this way by Qwen2.5-72B (CulturalGround, arXiv 2508.07414).
"""

import asyncio
from collections.abc import Callable

from factory.refine import languages, prompts, rows
from factory.refine.config import RefineConfig
from factory.refine.estimate import estimate
from factory.refine.flow import Flow
from factory.refine.guards import NAMES_ENTITY, NO_ANSWER
from factory.store.store import Store
from pangea_cultural.endpoint.address import Address, address
from pangea_cultural.endpoint.chat import ChatPool
from pangea_cultural.utils.console import Reporter


def run(store: Store, config: RefineConfig, reporter: Reporter) -> tuple[int, int]:
    """Rewrite the chosen questions. Return their number, and that of the accepted rewritings.

    Raises:
        UserError: a package or a key is missing, an endpoint refuses, or too many answers are refused.
    """
    addresses = _prepare(store, config)
    num_questions = rows.choose(store, config)
    done = store.value("SELECT position FROM stage WHERE name = 'refine'")
    reporter.note(f"refine: {estimate(store, config).in_words()}")
    asyncio.run(_ask(store, config, addresses, reporter, rows.ranges(store, done), num_questions))
    _finish(store)
    return num_questions, store.value("SELECT count(*) FROM refinement WHERE reason = ''")


def repeat_failed(store: Store, config: RefineConfig, reporter: Reporter, on_change: Callable[[], None]) -> None:
    """Ask again what got no answer. `on_change` outdates later stages; it is called in a transaction.

    Raises:
        UserError: as `run`.
    """

    def reopen() -> None:
        # `run` checks the names of entities and counts again.
        store.execute("UPDATE stage SET done = false WHERE name = 'refine'")
        on_change()

    if store.value("SELECT count(*) FROM refinement WHERE reason = ?", [NO_ANSWER]):
        addresses = _prepare(store, config)
        failed = rows.choose_failed(store)
        asyncio.run(_ask(store, config, addresses, reporter, rows.ranges(store), failed, reopen))


def _prepare(store: Store, config: RefineConfig) -> list[Address]:
    """Check what can be checked before the first request. Return the endpoints."""
    prompts.load(config.prompt)
    languages.check()
    rows.register(store)
    return [address(row.url, row.model or config.model, row.api_key_env) for row in config.endpoints]


async def _ask(
    store: Store,
    config: RefineConfig,
    addresses: list[Address],
    reporter: Reporter,
    ranges: list[tuple[int, int]],
    num_questions: int,
    on_change: Callable[[], None] | None = None,
) -> None:
    if not ranges:
        return
    done = num_questions - store.value("SELECT count(*) FROM chosen WHERE item >= ?", [ranges[0][0]])
    with reporter.bar("refine", num_questions, "questions") as bar:
        bar.advance(done)
        async with ChatPool(
            addresses,
            timeout_s=config.timeout_s,
            concurrency=config.concurrency,
            note=lambda text: reporter.note(f"refine: {text}"),
        ) as pool:
            await pool.check()
            await Flow(store, config, pool, bar, on_change).run(ranges)


def _finish(store: Store) -> None:
    """Refuse rewritings that name an entity, and record what was refused. A second time, it changes nothing."""
    with store.transaction():
        store.script(rows.read("finish"), {"names_entity": NAMES_ENTITY})
