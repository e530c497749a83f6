"""Names of withdrawn entities, by which rows with the entity as an answer or an option are found."""

from collections.abc import Iterator

from pangea_cultural.dataset import withdrawn_rows
from pangea_cultural.dataset.export import MANIFEST, Export
from pangea_cultural.dataset.withdrawal import WithdrawalList, Withdrawn, WithdrawnEntity
from pangea_cultural.errors import UserError
from pangea_cultural.workspace import Workspace


def complete(
    items: WithdrawalList, known: WithdrawalList, workspace: Workspace | None, export: Export | None
) -> list[Withdrawn]:
    """Return withdrawals with what is known about them besides the store.

    Args:
        items: the withdrawals.
        known: the list so far. A withdrawn entity has no names in the store any more.
        workspace: workspace whose exports ask for names.
        export: another export.
    """
    before = {item.key: item for item in known}
    found = [WithdrawalList(withdrawn=(item,)).merged(filter(None, [before.get(item.key)])) for item in items]
    whole = [item for single in found for item in single]
    unnamed = {item.entity for item in whole if isinstance(item, WithdrawnEntity) and not item.names}
    if not unnamed:
        return whole
    names: dict[str, set[str]] = {}
    for opened in _exports(workspace, export):
        for entity, hashes in withdrawn_rows.names_in(opened, unnamed).items():
            names.setdefault(entity, set()).update(hashes)
    return [_with_names(item, names) for item in whole]


def _exports(workspace: Workspace | None, export: Export | None) -> Iterator[Export]:
    if export is not None:
        yield export
    for manifest in sorted(workspace.exports.glob(f"*/{MANIFEST}")) if workspace else ():
        try:
            yield Export.open(manifest.parent)
        except UserError:
            continue  # the search for rows names it


def _with_names(item: Withdrawn, names: dict[str, set[str]]) -> Withdrawn:
    if not isinstance(item, WithdrawnEntity) or item.entity not in names:
        return item
    return item.model_copy(update={"names": tuple(sorted(names[item.entity]))})
