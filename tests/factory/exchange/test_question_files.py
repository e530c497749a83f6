"""The question files: the rows of the view `question` in the order of items, whatever the ranges."""

import shutil

import pyarrow.parquet as pq
import pytest

from factory.exchange import question_files
from factory.exchange.question_files import write_questions
from factory.store.store import Store
from pangea_cultural.dataset.export import SPLITS
from pangea_cultural.dataset.question import QUESTION_SCHEMA
from tests.helpers.store_contents import files

VALUES = (
    "(SELECT list(value ORDER BY number) FROM value_number JOIN value_name ON number = key // 256 WHERE key % 256 = 0)"
)
SEVERAL = f"""
UPDATE item SET right_values = [value] || {VALUES}[:fact % 8] WHERE fact % 8 > 0;
UPDATE item SET more_values = {VALUES}[5:7] WHERE fact % 3 = 0;
"""
"""Facts of one to eight right values, some of which are the same, and of further right answers."""
REWRITTEN = """
INSERT INTO rewrite
SELECT md5(i::VARCHAR)::UUID, 'm', '1', 'Question ' || i, 'Sentence ' || i, '', '', 1, 1 FROM range(20) t(i);
INSERT INTO refinement
SELECT item, variant, md5((item % 20)::VARCHAR)::UUID, '' FROM drawn_question WHERE item % 3 = 0;
"""


@pytest.fixture
def store(castles, tmp_path):
    shutil.copy(castles / "workspace/store.duckdb", tmp_path / "store.duckdb")
    with Store.open(tmp_path / "store.duckdb") as store:
        yield store


@pytest.mark.parametrize("changes", ["", SEVERAL, SEVERAL + REWRITTEN], ids=["one", "several", "rewritten"])
def test_the_files_have_the_questions_of_the_store_in_order(store, tmp_path, monkeypatch, changes):
    monkeypatch.setattr(question_files, "ROW_GROUP_ROWS", 60)
    store.script(changes, {})
    _, counts = write_questions(store, tmp_path / "export")
    columns = ", ".join(QUESTION_SCHEMA.names)
    for split in SPLITS:
        expected = store.table(
            f"""SELECT {columns.replace("image", "'images/' || path AS image")} FROM question q
                WHERE image IN (SELECT image FROM split WHERE split = $split)
                ORDER BY item, variant, question_type DESC""",
            {"split": split},
        )
        written = pq.read_table(tmp_path / f"export/questions-{split}.parquet", schema=QUESTION_SCHEMA)
        assert written.to_pylist() == expected.to_pylist()
        assert counts[split] == expected.num_rows
    assert counts["train"] > 100
    listed = "SELECT count(*) FROM question WHERE len(answers) > 5 AND rewritten_by = ''"
    rewritten = "SELECT count(*) FROM question WHERE rewritten_by <> ''"
    assert (store.value(listed) > 0) == bool(changes)
    assert (store.value(rewritten) > 0) == (REWRITTEN in changes)


def test_writing_again_gives_equal_bytes(store, tmp_path):
    for name in ("first", "second"):
        write_questions(store, tmp_path / name)
    assert files(tmp_path / "first") == files(tmp_path / "second")
