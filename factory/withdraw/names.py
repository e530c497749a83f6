"""Names of withdrawn entities, by which rows with the entity as an answer or an option are found."""

import contextlib
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from pangea_cultural.dataset import withdrawn_rows
from pangea_cultural.dataset.export import Export
from pangea_cultural.dataset.withdrawal import WithdrawalList, Withdrawn, WithdrawnEntity, united
from pangea_cultural.errors import UserError


def complete(items: WithdrawalList, known: WithdrawalList, exports: Iterable[Path]) -> list[Withdrawn]:
    """Return withdrawals with what is known about them besides the store.

    Args:
        items: the withdrawals.
        known: the list so far. A withdrawn entity has no names in the store any more.
        exports: folders of exports, which ask for names.
    """
    before = {item.key: item for item in known}
    whole = [united(item, before.get(item.key, item)) for item in items]
    unnamed = {item.entity for item in whole if isinstance(item, WithdrawnEntity) and not item.names}
    names: dict[str, set[str]] = defaultdict(set)
    for path in exports if unnamed else ():
        with contextlib.suppress(UserError):  # the search for rows names an export that cannot be read
            for entity, hashes in withdrawn_rows.names_in(Export.open(path), unnamed).items():
                names[entity] |= hashes
    return [
        item.model_copy(update={"names": tuple(sorted(names[item.entity]))})
        if isinstance(item, WithdrawnEntity) and item.entity in names
        else item
        for item in whole
    ]
