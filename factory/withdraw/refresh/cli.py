"""`pcult data refresh`: questions to the wikis, a table of findings, and a list of proposed withdrawals."""

import datetime
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from yarl import URL

from factory.entities.sources.config import ApiConfig, SourceConfig, SparqlConfig
from factory.images.base import COMMONS
from factory.images.config import CommonsConfig, ImageSourceConfig
from factory.net.config import NetworkConfig
from factory.net.user_agent import require_contact
from factory.store.store import Store
from factory.withdraw.refresh import files
from factory.withdraw.refresh.entities import EntityRefresh
from factory.withdraw.refresh.findings import Progress
from pangea_cultural.cli.output import print_json, print_table
from pangea_cultural.utils.console import Reporter
from pangea_cultural.workspace import Workspace

WIKIDATA = "https://www.wikidata.org/w/api.php"
PROGRESS, PROPOSED = "refresh.jsonl", "proposed-withdrawals.json"
"""Files in the workspace."""
MAX_ROWS = 100
"""Findings to print; JSON has all."""


@dataclass(frozen=True, kw_only=True)
class Services:
    """Wikis to ask, as a recipe names them; by default Commons and Wikidata."""

    network: NetworkConfig = field(default_factory=NetworkConfig)
    sources: Sequence[SourceConfig] = ()
    """Sources of facts. The first one with an entity API is asked, otherwise Wikidata."""
    images: Sequence[ImageSourceConfig] = (CommonsConfig(type="commons", api=COMMONS),)
    """Sources of images. Wikis are asked."""

    def with_contact(self, contact: str | None) -> NetworkConfig:
        """Return the network settings, with another contact if there is one."""
        return self.network.model_copy(update={"contact": contact}) if contact else self.network

    def wikis(self) -> dict[str, str]:
        """Return the APIs of wikis, each with the host of its pages; it is empty for the only wiki of a recipe."""
        urls = list(dict.fromkeys(config.api for config in self.images if isinstance(config, CommonsConfig)))
        only = len(urls) == 1 and urls != [COMMONS]
        return {url: "" if only else URL(url).host or "" for url in urls}

    def wikibase(self) -> str:
        """Return the API of the Wikibase."""
        urls = [config.url for config in self.sources if isinstance(config, ApiConfig)]
        urls += [config.api_url for config in self.sources if isinstance(config, SparqlConfig) and config.api_url]
        return urls[0] if urls else WIKIDATA


def run(
    workspace: Workspace,
    services: Services,
    contact: str | None,
    out: Path | None,
    *,
    restart: bool,
    as_json: bool,
    reporter: Reporter,
) -> None:
    """Ask, and print what has changed.

    Args:
        workspace: the workspace.
        services: addresses of the APIs, and network settings.
        contact: replaces the recipe's contact.
        out: file of the list; None for the one in the workspace.
        restart: forget the answers of an interrupted run.
        as_json: print JSON in place of tables.
        reporter: shows progress.

    Raises:
        UserError: there is no contact, or a request failed. The same command resumes.
    """
    network, wikis, wikibase = services.with_contact(contact), services.wikis(), services.wikibase()
    for url in (*wikis, wikibase):
        require_contact(URL(url), network.contact)
    path = workspace.root / PROGRESS
    with Store.open(workspace.store, read_only=True) as store, network.client(seed=0) as client:
        if restart:
            path.unlink(missing_ok=True)
        today = datetime.datetime.now().astimezone().date().isoformat()
        progress = Progress(path, today, _asked(store, [*wikis, wikibase]))
        for url, host in wikis.items():
            files.ask(store, client, url, host, progress, reporter)
        EntityRefresh(store, client, wikibase, progress).run(reporter)
    target = out or workspace.root / PROPOSED
    progress.proposals().write(target)
    path.unlink()  # the next run asks again
    _print(progress, target, as_json=as_json)


def _asked(store: Store, addresses: list[str]) -> str:
    """Return a hash of the wikis and of the state of the store: a build may have replaced what was asked about."""
    rows = store.rows(
        "SELECT name, fingerprint, inputs, kept FROM stage WHERE name IN ('select', 'images') ORDER BY name"
    )
    images = store.rows("SELECT count(*), bit_xor(hash(file, sha1)) FROM image")
    return hashlib.sha256(repr((rows, images, addresses)).encode()).hexdigest()


def _print(progress: Progress, target: Path, *, as_json: bool) -> None:
    findings = list(progress)
    if as_json:
        rows: list[dict[str, Any]] = [
            {"subject": found.subject, "finding": found.finding, "detail": found.detail, "proposed": found.proposed}
            for found in findings
        ]
        counts = {"started": progress.started, "asked": len(progress.answered), "counts": dict(progress.counts())}
        print_json(counts | {"findings": rows, "list": str(target)})
        return
    print_table("Findings", ["finding", "number"], [[name, n] for name, n in progress.counts().most_common()])
    proposed = [[found.subject, found.finding, found.detail] for found in findings if found.proposed]
    if not proposed:
        click.echo(f"{len(progress.answered):,} files and entities asked, nothing to withdraw.")
        return
    print_table("Proposed withdrawals", ["subject", "finding", "detail"], proposed[:MAX_ROWS])
    if len(proposed) > MAX_ROWS:
        click.echo(f"{len(proposed) - MAX_ROWS:,} more are in the list.")
    click.echo(f"List: {target} (`pcult data withdraw --list {target}` applies it; remove what should stay)")
