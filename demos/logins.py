"""Names and passwords of a page, with a limit on wrong ones."""

import hmac
import threading
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path

from pangea_cultural.errors import UserError

MOST_FAILURES = 5
"""Wrong passwords of a name within `PERIOD_S`. After them, the name has to wait."""
PERIOD_S = 60.0
WAITING = f"After {MOST_FAILURES} wrong passwords, a name has to wait for a minute."
"""Text above the form, because Gradio calls a right password that comes too early a wrong one."""


class Logins:
    """The logins of a file with a line `NAME:PASSWORD` for each person.

    Args:
        people: passwords by name.
        clock: returns seconds.
    """

    def __init__(self, people: dict[str, str], clock: Callable[[], float] = time.monotonic) -> None:
        self._people = people
        self._clock = clock
        self._failures: dict[str, deque[float]] = {}
        self._lock = threading.Lock()

    @classmethod
    def read(cls, path: Path) -> "Logins":
        """Read a file. Empty lines and lines that begin with # are comments.

        Raises:
            UserError: the file cannot be read, has no login, or a line has another form.
        """
        try:
            lines = path.read_text("utf-8-sig").splitlines()
        except (OSError, UnicodeError) as error:
            raise UserError(f"{path} cannot be read. Pass a text file with lines NAME:PASSWORD.") from error
        people: dict[str, str] = {}
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            name, _, password = line.partition(":")
            if not name.strip() or not password.strip():
                raise UserError(f"{path}: line {number} is not NAME:PASSWORD. Correct it.")
            people[name.strip()] = password.strip()
        if not people:
            raise UserError(f"{path} has no login. Add a line NAME:PASSWORD.")
        return cls(people)

    def accepts(self, name: str, password: str) -> bool:
        """Return whether a name and a password are right. After many wrong ones, right ones have to wait."""
        key = name if name in self._people else ""
        with self._lock:
            failures = self._failures.setdefault(key, deque(maxlen=MOST_FAILURES))
            now = self._clock()
            while failures and failures[0] <= now - PERIOD_S:
                failures.popleft()
            if len(failures) >= MOST_FAILURES:
                return False
            # Also for unknown names, so that the time does not tell which names exist.
            expected = self._people.get(name, "")
            is_right = hmac.compare_digest(password.encode(), expected.encode()) and bool(expected)
            if not is_right:
                failures.append(now)
            return is_right
