"""The group `pcult data`."""

import click

from factory.cli import export, relevance, store, tables, transfer, withdraw


@click.group()
def data() -> None:
    """Inspect the store, check exports and write synthetic chat data.

    \b
    Example:
      pcult data stats
    """


COMMANDS = (
    *(store.stats, store.show, store.reject_reasons),
    *(tables.list_table, tables.template_group),
    *(export.check, export.audit, export.report, export.synthetic_chat),
    relevance.relevance_group,
    *(withdraw.withdraw, withdraw.refresh),
    *(transfer.export_command, transfer.import_command, transfer.push_command, transfer.pull_command),
)
for command in COMMANDS:
    data.add_command(command)
