"""The audit: planted faults are found, and fair exports have none."""

import random
import re

import pytest

from factory.audit.audit import audit, headline
from factory.audit.headline import in_words
from tests.factory.audit import exports
from tests.factory.audit.exports import rows, tables, value

SAMPLE = 4000


def audited(*several, held_out_languages=(), seed=0):
    return audit(tables(*several), held_out_languages=held_out_languages, seed=seed, sample=SAMPLE)


def group(result, level, name):
    return next(found for found in result.groups if (found.level, found.name) == (level, name))


def accuracy(found, guesser):
    return next(figure.accuracy for figure in found.figures if figure.guesser == guesser)


def years(seed):
    return [str(year) for year in random.Random(seed).sample(range(1500, 2000), 24)]


def halved(draw, answer, values):
    """Wrong options of which half of the values are never one, as in builds before 0.2."""
    return draw.sample([name for name in values[: len(values) // 2] if name != answer], 3)


def test_fair_exports_have_no_faults():
    found = []
    for seed in range(6):
        result = audited(rows(seed), rows(seed + 100, property="P571", pool=years(seed)), seed=seed)
        figures = headline(result)
        kinds = ("groups_over", "uneven_positions", "uneven_wordings", "unused_values", "duplicates", "contradictions")
        found += [(seed, kind) for kind in kinds if figures[kind]]
        assert result.overall.verdict != "over"
    assert len(found) <= 1, found


@pytest.mark.parametrize("held_out", [(), exports.LANGUAGES], ids=["train", "cross-validation"])
def test_values_that_are_never_a_wrong_option_give_the_answer_away(held_out):
    content = rows(0, options=halved)
    if held_out:
        content["train"] = []
    result = audited(content, held_out_languages=held_out)
    name = "P1 held-out" if held_out else "P1 trained"
    assert result.overall.verdict == "over" and group(result, "property", name).verdict == "over"
    assert accuracy(result.overall, "ratio") > 0.5
    assert accuracy(result.overall, "words") > 0.5
    assert accuracy(result.overall, "first") < 0.35
    assert (result.pools[0].property, result.pools[0].never_wrong, result.pools[0].unused) == ("P1", 12, True)


def test_sets_of_options_in_which_each_was_right_once_can_be_counted_out():
    blocks = {value(n): [value(n - n % 4 + i) for i in range(4)] for n in range(400)}
    result = audited(
        rows(0, values=400, entities=400, images=1, options=lambda draw, a, _: [v for v in blocks[a] if v != a])
    )
    assert accuracy(result.overall, "set_rest") > 0.4 and result.overall.verdict == "over"
    assert accuracy(result.overall, "set_memory") < 0.15, "what was right once is wrong the next time"


def test_a_fault_of_one_property_and_language_is_found_there():
    fair, faulty = rows(1), rows(2, property="P2", options=halved, languages=("en", "fr"), entities=96)
    result = audited(fair, faulty)
    names = {found.name for found in result.judged if found.verdict == "over"}
    assert names == {"P2 trained", "P2 en", "P2 fr"}
    assert result.judged[0].name == "P2 trained", "the worst group comes first"


@pytest.mark.parametrize(
    ("guesser", "choose"),
    [
        ("earliest", lambda values, answer: [v for v in values if v > answer]),
        ("latest", lambda values, answer: [v for v in values if v < answer]),
    ],
)
@pytest.mark.parametrize("native", [False, True], ids=["ASCII digits", "Bengali digits"])
def test_ranks_of_years_are_found(guesser, choose, native):
    pool = sorted(str(year) for year in range(1500, 1996, 5))
    digits = str.maketrans("0123456789", "০১২৩৪৫৬৭৮৯") if native else {}
    pool = [f"{year} সাল".translate(digits) if native else year for year in pool]
    options = lambda draw, answer, values: draw.sample(choose(values, answer), 3)  # noqa: E731
    result = audited(rows(3, property="P571", pool=pool, answers=pool[10:-10], entities=79, options=options))
    best = group(result, "property", "P571 trained").best
    assert accuracy(result.overall, guesser) == 1 and best.accuracy == 1
    assert result.overall.verdict == "over"


def test_a_year_in_the_middle_of_its_options_is_found():
    def around(draw, answer, values):
        place = values.index(answer)
        return [values[place - draw.randint(1, 8)], *draw.sample(values[place + 1 : place + 9], 2)]

    pool = [str(year) for year in range(1500, 1996, 5)]
    result = audited(rows(4, property="P571", pool=pool, answers=pool[10:-10], entities=79, options=around))
    assert accuracy(result.overall, "middle") == 0.5
    assert accuracy(result.overall, "words") > 0.9, "the classifier finds that it is always the second one"
    assert result.overall.verdict == "over"


def test_an_amount_that_is_far_from_close_wrong_ones_is_found():
    def in_pairs(draw, answer, values):
        far = draw.randrange(3, len(values) // 2)
        place = (values.index(answer) + far) % (len(values) - 3)
        return values[place : place + 3]

    pool = [f"{height} m" for height in range(100, 200)]
    result = audited(rows(4, property="P2048", pool=pool, answers=pool, entities=79, options=in_pairs))
    assert accuracy(result.overall, "apart") > 0.9 and result.overall.verdict == "over"


def test_the_form_of_an_option_is_found_by_the_classifier():
    def small(draw, answer, values):
        return [v.lower() for v in draw.sample([v for v in values if v != answer], 3)]

    result = audited(rows(5, options=small, values=400, entities=400, images=3))
    assert accuracy(result.overall, "words") > 0.95 and result.overall.verdict == "over"


def test_uneven_places_of_the_answer_are_found():
    result = audited(rows(6, place=lambda draw, _: draw.choices(range(4), (40, 20, 20, 20))[0]))
    assert [found.language for found in result.positions if found.uneven] == sorted(exports.LANGUAGES) or all(
        found.uneven for found in result.positions
    )
    assert accuracy(result.overall, "first") > 0.35


@pytest.mark.parametrize("draws", ["1", "1112"])
def test_unevenly_used_wordings_are_found(draws):
    result = audited(rows(7, wording=lambda draw: draw.choice(draws)))
    assert {found.name for found in result.wordings if found.uneven} == {
        f"{language}/P1/building" for language in exports.LANGUAGES
    }


def test_a_predominant_answer_has_a_higher_limit():
    answers = [value(0)] * 12 + [value(number) for number in range(1, 13)]

    def always(draw, answer, values):
        others = draw.sample([v for v in values if v not in (answer, values[0])], 3)
        return others if answer == values[0] else [values[0], *others[:2]]

    result = audited(rows(8, answers=answers, values=13, options=always))
    found = group(result, "property", "P1 trained")
    assert found.most_frequent == pytest.approx(0.5, abs=0.02) and found.limit == pytest.approx(0.55, abs=0.02)
    assert accuracy(found, "frequent") == pytest.approx(0.5, abs=0.06) and found.verdict != "over"
    assert result.overall.level == "all"


def test_duplicates_and_contradictions_are_found():
    content = rows(9, entities=4, images=3, languages=("en",))
    [first, second] = [row for split in content.values() for row in split][:2]
    content["dev"] += [first | {"id": "again"}, second | {"id": "other", "answer": "Other", "answers": ["Other"]}]
    content["dev"].append(second | {"id": "right", "choices": [], "question_type": "open", "question": "Another?"})
    found = {fault.fault: fault.rows for fault in audited(content).faults}
    assert found["duplicate rows"] == 2, "one copy, and one with another answer"
    assert found["contradictory rows"] == 4, "the copies ask the same as well"


def test_right_wrong_options_are_found():
    content = rows(10, entities=1, images=3, languages=("en",))
    choice = [row for split in content.values() for row in split if row["question_type"] == "choice"]
    choice[0]["choices"][:] = [choice[0]["answer"], choice[0]["answer"].upper(), "B", "C"]
    choice[1]["choices"][:] = [choice[1]["answer"], "B", "C", "D"]
    content["dev"].append(
        choice[1] | {"id": "x", "question_type": "open", "choices": [], "question": "?", "answer": "B"}
    )
    content["dev"][-1]["answers"] = ["B"]
    choice[2]["question"] = f"Is it {choice[2]['answer'].lower()}?"
    found = {fault.fault: fault.rows for fault in audited(content).faults if fault.rows}
    assert found == {
        "wrong options that equal a right answer": 1,
        "equal options": 1,
        "wrong options that are right elsewhere": 1,
        "answers in the question": 1,
    }


def test_answers_in_another_script_are_counted():
    result = audited(rows(11, entities=4, images=3))
    shares = {found.language: found.foreign_answers / found.rows for found in result.languages}
    assert shares == {"ru": 1, "en": 0, "fr": 0}
    assert next(iter(shares)) == "ru", "the worst language comes first"


def test_an_export_without_choice_questions_has_no_guessers():
    content = {split: [row for row in found if not row["choices"]] for split, found in rows(12, entities=4).items()}
    result = audited(content)
    assert result.overall is None and result.groups == []
    assert headline(result)["accuracy"] is None


def test_the_same_seed_gives_the_same_figures():
    assert audited(rows(13), seed=5) == audited(rows(13), seed=5)


def test_headline_in_words_names_guesser_and_limit():
    text = in_words(headline(audited(rows(0, options=halved))))
    assert "(limit 30.0%)" in text
    assert int(re.search(r"is right in (\d+)", text)[1]) > 50
    assert re.search(r"[1-9] of \d+ groups are over", text)
    fair = {split: [row for row in found if not row["choices"]] for split, found in rows(0, entities=4).items()}
    assert "no choice questions" in in_words(headline(audited(fair)))
