"""Questions whose images are shown instead of a question's own."""

import time

from evalsuite.benchmarks.other_image import Candidate, other_images
from evalsuite.benchmarks.registry import PUBLISHED

CVQA = PUBLISHED["cvqa"]


def cvqa(number, options, label, *, images=None, cluster=None):
    row = {"ID": str(number), "Options": options, "Translated Options": options, "Label": label}
    images = [f"image {number}"] if images is None else images
    return Candidate.of(CVQA, f"cvqa:all/{number}", row, cluster=cluster or str(number), images=images)


def xgqa(number, answer):
    row = {"number": number, "answer": answer}
    return Candidate.of(PUBLISHED["xgqa"], f"xgqa:de/{number}", row, cluster=str(number), images=[f"{number}"])


def test_image_of_an_option_is_not_shown():
    one, two = cvqa(0, ["ji", "akpu"], 0), cvqa(1, ["Akpu!", "fio"], 0)
    other = cvqa(2, ["x", "y"], 1)
    found = other_images([one, two, other], 0)
    # The right answer of question 1 is a wrong option of question 0; the wrong option of 1 is nothing to 0.
    assert found == {one.key: other.key, two.key: found[two.key], other.key: found[other.key]}
    assert found[two.key] in (one.key, other.key)


def test_image_of_the_same_cluster_or_with_the_same_content_is_not_shown():
    one = cvqa(0, ["a", "b"], 0, cluster="0")
    same = [cvqa(1, ["c", "d"], 0, cluster="0"), cvqa(2, ["e", "f"], 0, images=["image 0"])]
    assert other_images([one, same[0]], 0) == {} and other_images([one, same[1]], 0) == {}


def test_yes_and_no_are_about_their_own_question():
    rows = [xgqa(0, "yes"), xgqa(1, "yes"), xgqa(2, "man"), xgqa(3, "man")]
    found = other_images(rows, 0)
    assert len(found) == 4 and {found[rows[2].key], found[rows[3].key]} <= {rows[0].key, rows[1].key}


def test_question_with_as_many_images_is_preferred():
    pair = [cvqa(number, ["a", "b"], 0, images=[f"{number}a", f"{number}b"]) for number in range(2)]
    single = [cvqa(number, [f"x{number}", f"y{number}"], 0) for number in range(2, 6)]
    found = other_images([*pair, *single], 0)
    assert {found[row.key] for row in single} <= {row.key for row in single}
    # Each of the pair has the other's right answer.
    assert {found[row.key] for row in pair} <= {row.key for row in single}


def test_choice_depends_on_names_and_seed_only():
    rows = [cvqa(number, [f"a{number}", f"b{number}"], number % 2) for number in range(60)]
    found = other_images(rows, 3)
    assert found == other_images(rows[::-1], 3) != other_images(rows, 4)
    without = other_images(rows[1:], 3)
    changed = {key for key in without if without[key] != found[key]}
    assert changed == {key for key in without if found[key] == rows[0].key}, "others keep their images"
    # No image is shown with many questions.
    assert max(list(found.values()).count(key) for key in found) < 12


def test_translations_are_shown_the_same_image():
    rows = [[cvqa(number, [f"{code}{number}", "b"], 0) for number in range(9)] for code in ("de", "fr")]
    assert other_images(rows[0], 0) == other_images(rows[1], 0)


def test_large_tasks_take_no_square_of_their_time():
    rows = [xgqa(number, ("man", "dog")[number % 2]) for number in range(6_000)]
    started = time.process_time()
    assert len(other_images(rows, 0)) == 6_000
    assert time.process_time() - started < 10
