"""Guessers: amounts in texts of many languages, credits of ties, and the classifier's view of options."""

import math

import duckdb
import pytest

from factory.audit import guessers
from factory.audit.rows import opened, script
from pangea_cultural.dataset.guesser.features import number_in
from tests.factory.audit.exports import rows, tables

AMOUNTS = [
    ("1889", 1889),
    ("5 May 1889", 1889),
    ("1889年5月12日", 1889),
    ("১৮৮৯", 1889),
    ("12 مايو ١٨٨٩", 1889),
    ("19th century", 19),
    ("1,234 m", 1234),
    ("1.234.567 km²", 1234567),
    ("1 234 м", 1234),
    ("8.5 m", 8.5),
    ("8,5 m", 8.5),
]


def in_sql(text):
    with duckdb.connect() as connection:
        connection.execute("\n".join(m for m in script("credits.sql").split("\n\n") if "MACRO grouped" in m))
        digits = "".join(guessers.ALL_DIGITS)
        plain = guessers.ascii_digits()
        query = "SELECT first_number(grouped(grouped(plain(?, ?, ?))))"
        return connection.execute(query, [text, digits, plain]).fetchone()[0]


@pytest.mark.parametrize(("text", "amount"), AMOUNTS, ids=[text for text, _ in AMOUNTS])
def test_amount_is_read_from_text(text, amount):
    assert number_in(text) == amount
    assert in_sql(text) == amount


def test_text_without_digits_has_no_amount():
    assert math.isnan(number_in("Japan")) and in_sql("Japan") is None


def test_guesses_between_equal_options_count_in_part():
    content = rows(0, entities=24, images=4, languages=("en",))
    for split in content.values():
        for row in split:
            row["choices"] = row["choices"] and [row["answer"], "aaaaaa", "bbbbbb", "cc"]
    with opened(tables(content), held_out_languages=(), seed=0) as connection:
        guessers.ask(connection, seed=0, sample=100)
        found = connection.execute("SELECT DISTINCT first, longest, shortest, earliest FROM guessed").fetchall()
    assert found == [(60, 20, 0, 15)]


def test_questions_with_other_numbers_of_options_are_asked():
    content = rows(1, entities=24, images=6, languages=("en",))
    for number, row in enumerate(row for split in content.values() for row in split if row["choices"]):
        wrong = [option for option in row["choices"] if option != row["answer"]]
        row["choices"] = [row["answer"], *wrong][: 2 + number % 3]
    with opened(tables(content), held_out_languages=(), seed=0) as connection:
        guessers.ask(connection, seed=0, sample=2000)
        found = connection.execute(
            "SELECT options, count(*) = count(words), avg(words) FROM guessed GROUP BY ALL ORDER BY ALL"
        ).fetchall()
    assert [options for options, *_ in found] == [2, 3, 4] and all(complete for _, complete, _ in found)
    assert all(credits > 50 for *_, credits in found), "the answer is always the first one"
