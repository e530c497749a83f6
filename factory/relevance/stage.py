"""The stage `relevance`: whether each image shows its entity, by a vision-language model.

Each pair of image and entity is asked about once, however many questions there will be about it. The stage `questions`
asks nothing about images below the threshold, so their answers are not wrong options either. The table
`relevance_answer` keeps all answers, so that no recipe asks for one again. The table `relevance` has those of the
recipe's models.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from factory.relevance.asking import Failed, ask
from factory.relevance.config import RelevanceConfig
from factory.relevance.pairs import read_pairs
from factory.relevance.results import read_results
from factory.relevance.yes_no import NEITHER
from factory.store.store import Rejection, Store
from pangea_cultural.errors import UserError
from pangea_cultural.utils.console import Reporter

STAGE = "relevance"
# Reasons to drop a pair.
NO_LABEL = "entity without a label"
FAILED = "request failed: {}"
UNITS = ("", "second answer")
"""Units of the rejections of each model: an answer of the second one is a part of a pair."""

KEEP_FIRST = """
INSERT INTO relevance (image, entity, probability)
SELECT image, entity, probability FROM relevance_result WHERE probability IS NOT NULL
"""
KEEP_SECOND = """
UPDATE relevance SET second = r.probability FROM relevance_result r
WHERE r.image = relevance.image AND r.entity = relevance.entity
"""


def run(store: Store, config: RelevanceConfig, folder: Path, reporter: Reporter) -> tuple[int, int]:
    """Ask about all pairs of image and entity. Return the numbers of pairs and of pairs with a probability.

    Raises:
        UserError: an endpoint refuses the key, or too many requests failed. What was answered is stored.
    """
    read_pairs(store)
    failed = [ask(store, model, config, folder, reporter) for model in config.models]
    with store.transaction():
        return _write(store, config, failed)


def retry(
    store: Store, config: RelevanceConfig, folder: Path, reporter: Reporter, on_change: Callable[[], None]
) -> None:
    """Ask again about pairs whose requests failed in a finished run of the stage.

    Args:
        store: has the answers of that run.
        config: configuration of the stage.
        folder: the workspace's folder of images.
        reporter: shows progress.
        on_change: called in the transaction that adds answers: the questions depend on them.
    """
    sql = "SELECT count(*) FROM rejection WHERE stage = $stage AND starts_with(reason, $failed)"
    number = store.value(sql, {"stage": STAGE, "failed": FAILED.format("")})
    if not number:
        return
    reporter.note(f"relevance: {number:,} failed requests are sent again")
    read_pairs(store)
    try:
        failed = [ask(store, model, config, folder, reporter, done=True) for model in config.models]
    except UserError as error:
        # The build has all that it needs, so an endpoint that is still down does not end it.
        reporter.note(f"relevance: not all sent again: {error}")
        return
    with store.transaction():
        inputs, kept = _write(store, config, failed)
        store.execute("UPDATE stage SET inputs = ?, kept = ? WHERE name = ?", [inputs, kept, STAGE])
        if sum(map(len, failed)) < number:
            on_change()


def _write(store: Store, config: RelevanceConfig, failed: Sequence[Failed]) -> tuple[int, int]:
    """Replace the results of the stage. The caller holds the transaction."""
    store.execute("DELETE FROM relevance")
    store.execute("DELETE FROM rejection WHERE stage = ?", [STAGE])
    for model, failures, unit, keep in zip(config.models, failed, UNITS, (KEEP_FIRST, KEEP_SECOND), strict=False):
        read_results(store, model)
        store.execute(keep)
        store.reject_all(STAGE, _rejections(store, failures, unit))
    inputs = store.value("SELECT count(*) FROM relevance_result")
    return inputs, store.value("SELECT count(*) FROM relevance")


def _rejections(store: Store, failed: Failed, unit: str) -> list[Rejection]:
    rows = store.rows(
        "SELECT image, entity, is_unnamed, is_answered, answer FROM relevance_result "
        "WHERE probability IS NULL ORDER BY entity, image"
    )
    rejections = []
    for image, entity, is_unnamed, is_answered, answer in rows:
        reason = NO_LABEL if is_unnamed else NEITHER
        if not is_unnamed and not is_answered:
            reason = FAILED.format(failed[image, entity])
        rejections.append(Rejection(f"{entity} {image}", reason, answer or "", unit=unit))
    return rejections
