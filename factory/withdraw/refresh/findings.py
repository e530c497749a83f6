"""Findings of a refresh, and the file that lets an interrupted refresh resume."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import orjson

from pangea_cultural import config
from pangea_cultural.dataset.withdrawal import WithdrawalList, Withdrawn
from pangea_cultural.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A difference between the store and the wiki."""

    subject: str
    """File, entity or claim."""
    finding: str
    """Kind of the difference."""
    detail: str = ""
    proposed: dict[str, Any] = field(default_factory=dict)
    """The withdrawal that is proposed, as in a list; empty for a note."""


def proposal(item: Withdrawn) -> dict[str, Any]:
    """Return a withdrawal as a list has it."""
    return WithdrawalList(withdrawn=(item,)).as_json()[0]


class Progress:
    """Answers so far, as JSON Lines. A line that a kill has cut is ignored, so what it was about is asked again.

    Args:
        path: the file.
        date: the day on which the refresh started, if the file does not have another one.
        asked: hash of what is asked. Answers to other questions are forgotten.
    """

    def __init__(self, path: Path, date: str, asked: str) -> None:
        self._path = path
        self.started = date
        self._asked = asked
        self.answered: set[str] = set()
        """Files and entities that were answered."""
        self._found: list[Finding] = []
        self._read()

    def _read(self) -> None:
        if not self._path.is_file():
            self._begin()
            return
        content = self._path.read_bytes()
        complete = content[: content.rfind(b"\n") + 1]
        try:
            rows = [orjson.loads(line) for line in complete.splitlines()]
            if not rows or rows[0].get("asked") != self._asked:
                self._begin()
                return
            self.started = rows[0]["started"]
            for row in rows[1:]:
                self.answered.update(row["answered"])
                self._found += [Finding(**finding) for finding in row["found"]]
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{self._path} is garbled. Remove it, or start over with --restart.") from error
        if len(complete) < len(content):
            self._path.write_bytes(complete)

    def _begin(self) -> None:
        head = {"started": self.started, "asked": self._asked}
        self._path.write_bytes(orjson.dumps(head, option=orjson.OPT_APPEND_NEWLINE))

    def add(self, answered: Iterable[str], found: Iterable[Finding]) -> None:
        """Record a batch of answers."""
        names, findings = list(answered), list(found)
        row = {"answered": names, "found": [asdict(finding) for finding in findings]}
        with self._path.open("ab") as file:
            file.write(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE))
        self.answered.update(names)
        self._found += findings

    def __iter__(self) -> Iterator[Finding]:
        return iter(sorted(self._found, key=lambda found: (not found.proposed, found.finding, found.subject)))

    def counts(self) -> Counter[str]:
        """Return the number of findings of each kind."""
        return Counter(found.finding for found in self._found)

    def proposals(self) -> WithdrawalList:
        """Return the proposed withdrawals."""
        items = [found.proposed for found in self if found.proposed]
        return WithdrawalList().merged(config.parse(WithdrawalList, {"withdrawn": items}, where="proposals"))
