"""Guessers that see only the text of a choice question, and what they reach."""

import unicodedata

import duckdb

from factory.audit import words
from factory.audit.rows import script

CREDITS = 60
"""Credits of a right guess."""
MAX_ASKED = 1_000_000
"""Number of questions that the guessers are asked, about; a part of the images if there are more."""
ALL_DIGITS = [chr(code) for code in range(0x80, 0x10000) if unicodedata.category(chr(code)) == "Nd"]
"""Digits of all scripts."""


def ascii_digits() -> str:
    """Return the digits that stand for `ALL_DIGITS`."""
    return "".join(str(unicodedata.digit(character)) for character in ALL_DIGITS)


def ask(connection: duckdb.DuckDBPyConnection, *, seed: int, sample: int) -> dict[str, int]:
    """Ask all guessers: fill the table `guessed` with one row for each question and the credits of each guesser.

    Args:
        connection: has the view `row` of `rows.opened`.
        seed: seed of the samples.
        sample: largest number of questions that the classifier learns from.

    Returns:
        Numbers of questions: `asked`, and of the classifier, `words_learned` and `words_asked`.
    """
    connection.execute(script("learned.sql"))
    testable = connection.execute("SELECT count(*) FROM tested_row").fetchall()[0][0]
    parts = 1_000_000 if testable <= MAX_ASKED else max(1, 1_000_000 * MAX_ASKED // testable)
    connection.execute(script("asked.sql"), {"parts": parts})
    digits = {"digits": "".join(ALL_DIGITS), "ascii": ascii_digits()}
    statements = duckdb.extract_statements(script("credits.sql"))
    for statement in statements:
        connection.execute(statement, {name: digits[name] for name in statement.named_parameters})
    sizes = words.ask(connection, seed=seed, sample=sample)
    connection.execute(
        "CREATE TABLE guessed AS SELECT a.*, c.* EXCLUDE (number), w.credit AS words "
        "FROM asked a JOIN credit_of c USING (number) LEFT JOIN words_credit w USING (number)"
    )
    return {"asked": connection.execute("SELECT count(*) FROM asked").fetchall()[0][0], **sizes}
