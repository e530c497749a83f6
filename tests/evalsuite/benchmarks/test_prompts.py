"""Examples of prompts and hashes of all of them, by task."""

import hashlib

from evalsuite.benchmarks.prompts import examples


def test_each_task_has_its_first_prompt_and_the_hash_of_all():
    found = examples([("a", "1"), ("b", "é"), ("a", "2")])
    digest = hashlib.sha256(b"1\x002\x00").hexdigest()
    assert found[0] == {"task": "a", "example": "1", "n": 2, "sha256": digest}
    assert found[1]["sha256"] == hashlib.sha256("é\0".encode()).hexdigest() and found[1]["n"] == 1


def test_hash_tells_order_and_ends_of_prompts():
    hashes = {
        examples([("a", text) for text in texts])[0]["sha256"] for texts in ("12", "21", ["12", ""], ["1", "", "2"])
    }
    assert len(hashes) == 4
    # Texts of data sets can have lone surrogates.
    assert examples([("a", "\ud800")])[0]["n"] == 1
