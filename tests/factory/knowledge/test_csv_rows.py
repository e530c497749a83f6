"""CSV files as people and programs write them: every broken row is one rejection with its line."""

import tracemalloc
from pathlib import Path

import pytest

from factory.knowledge import csv_rows
from factory.knowledge.config import KnowledgeConfig
from factory.knowledge.errors import (
    BROKEN_QUOTES,
    CONTROL,
    FORMULA,
    NOT_UTF8,
    TOO_LONG,
    WRONG_FIELDS,
    RowError,
)
from factory.knowledge.files import Files
from pangea_cultural.errors import UserError

HEAD = "entity,relation,value\n"


@pytest.fixture
def read(tmp_path):
    """Return a function that reads the content of a file: cells, or the reason, by line."""

    def read(content, name="a.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        rows = Files([KnowledgeConfig(type="knowledge", path=path)]).rows()
        return {row.line: row.cells.reason if isinstance(row.cells, RowError) else _values(row.cells) for row in rows}

    return read


def _values(cells):
    return tuple(cells.get(name, "") for name in ("entity", "relation", "value"))


@pytest.mark.parametrize(
    "content",
    [
        "entity,relation,value\na,name,Día\n",
        "\ufeffentity,relation,value\r\na,name,Día\r\n",
        "entity;relation;value\na;name;Día\n",
        "Entity\tRELATION\t value \na\tname\tDía\n",
        '"entity","relation","value"\r\n"a","name","Día"\r\n',
        "entity,relation,value\ra,name,Día\r",
        "entity,relation,value,note,note\na,name,Día,1,2\n",
        "entity,relation,value\na,name, Di\u0301a  \n,,\n\n",
        "entity,relation,value\na,name,Día,,\n",
    ],
    ids=["plain", "bom", "semicolons", "tabs", "quoted", "old_mac", "notes", "decomposed", "separators_at_the_end"],
)
def test_usual_forms_of_csv_are_read(read, content):
    assert read(content) == {2: ("a", "name", "Día")}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (b"a,name", WRONG_FIELDS),
        (b"a,name,b,c", WRONG_FIELDS),
        (b"a,name,d\xeda", NOT_UTF8),
        (b"a,name,b\x00c", CONTROL),
        ("a,name,b\u202ec".encode(), CONTROL),
        (b'a,name,"=1+1"', FORMULA),
        (b"a,name,=HYPERLINK(1)", FORMULA),
        (b"a,name,@SUM(A1)", FORMULA),
        (b"a,name,#REF!", FORMULA),
        (b"a,name," + b"x" * 501, TOO_LONG),
        (b"a,name," + b"x" * 1_000_000, TOO_LONG),
        (b'a,name,"' + b"x" * 1_000_000 + b'"', TOO_LONG),
        (b'a,name,"open', BROKEN_QUOTES),
        (b'a,name,"open" text', BROKEN_QUOTES),
    ],
)
def test_a_broken_row_is_rejected_and_its_neighbors_are_kept(read, row, reason):
    content = HEAD.encode() + b"a,name,before\n" + row + b"\n" + b"b,name,after\n" * 3
    rows = read(content)
    assert rows.pop(3) == reason
    assert rows == {2: ("a", "name", "before"), **dict.fromkeys((4, 5, 6), ("b", "name", "after"))}


def test_keys_of_the_recipe_fill_empty_cells(tmp_path):
    (tmp_path / "a.csv").write_text("entity,relation,value,license\na,name,b,\na,name,c,CC BY 4.0\n")
    config = KnowledgeConfig(type="knowledge", path=tmp_path / "a.csv", license="CC0-1.0", language="es")
    rows = [row.cells for row in Files([config]).rows()]
    assert [(row["license"], row["language"]) for row in rows] == [("CC0-1.0", "es"), ("CC BY 4.0", "es")]


def test_lines_inside_quotes_belong_to_one_row(read):
    assert read(HEAD + 'a,name,"two\nlines, ""quoted"""\nb,name,c\n') == {
        2: ("a", "name", 'two lines, "quoted"'),
        4: ("b", "name", "c"),
    }


def test_a_quotation_mark_inside_a_text_is_a_part_of_it(read):
    assert read(HEAD + 'a,name,5" wide\nb,name,c\n') == {2: ("a", "name", '5" wide'), 3: ("b", "name", "c")}


def test_a_lost_quotation_mark_costs_one_row(read):
    rows = read(HEAD + 'a,name,"lost\n' + "b,name,c\n" * 500)
    assert rows.pop(2) == BROKEN_QUOTES
    assert rows == dict.fromkeys(range(3, 503), ("b", "name", "c"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "has no header"),
        (b'"entity', "has no header"),
        ("entity,relation\n".encode("utf-16"), "is UTF-16"),
        (b"PK\x03\x04", "is a spreadsheet"),
        (b"PAR1", "is Parquet"),
        (b"\x1f\x8b\x08", "is compressed"),
        (b"a,b,c\n", "lacks columns"),
        (b"entity,value\n", "lacks columns"),
        (b"entity,relation,value,value\n", "the column value occurs 2 times"),
        (b"entity,relation,value,licens\n", "unknown column 'licens'. Write license"),
    ],
)
def test_a_file_of_another_kind_is_a_one_line_error(read, content, message):
    with pytest.raises(UserError, match=message) as caught:
        read(content)
    assert "a.csv" in str(caught.value) and "\n" not in str(caught.value)


def test_memory_does_not_depend_on_the_length_of_a_line(tmp_path):
    path = tmp_path / "a.csv"
    with path.open("w") as file:
        file.write(HEAD + "a,name,")
        for _ in range(64):
            file.write("x" * 1_000_000)
        file.write("\nb,name,c\n")
    tracemalloc.start()
    rows = list(csv_rows.read(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert rows[-1] == (3, ["b", "name", "c"]) and peak < 5_000_000


def test_a_folder_is_read_in_the_order_of_its_files(tmp_path):
    for name in ("b.csv", "a.CSV", "photo.jpg"):
        (tmp_path / name).write_text(HEAD + f"{name},name,x\n")
    files = Files([KnowledgeConfig(type="knowledge", path=Path(tmp_path))])
    assert [row.place for row in files.rows()] == ["a.CSV:2", "b.csv:2"]


def test_a_folder_without_tables_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"No \.csv or \.tsv or \.parquet file"):
        Files([KnowledgeConfig(type="knowledge", path=tmp_path)])


def test_a_header_that_begins_like_an_archive_is_read(read):
    assert read("PK,entity,relation,value\n7,a,name,Día\n") == {2: ("a", "name", "Día")}
