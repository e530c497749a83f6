"""Wrong options are wrong by meaning, not only by id."""

from collections import Counter

import pytest

from tests.factory.questions.question_store import Thing, asked, questions, rejections, value, year

CITY, COUNTY, STYLE = "Q515", "Q28575", "Q32880"


def places(count=6, kind=COUNTY):
    return [value(f"Q{200 + n}", f"county {n}", kind) for n in range(count)]


def in_places(count=6):
    """Return buildings in counties, each with two images: a pool of few values needs several items of each."""
    return [repeated(Thing(f"Q{9000 + n}", claims={"P131": [f"Q{200 + n}"]}), 2) for n in range(count)]


def options(folder, things, entity, **scope):
    """Return the wrong options of an entity's choice questions."""
    rows = [row for row in questions(folder, things, **scope) if row["entity"] == entity and row["choices"]]
    return {option for row in rows for option in row["choices"]} - {row["answer"] for row in rows}


def repeated(thing, count=6):
    """Return a thing with several images, so that it gets several draws."""
    thing.images = tuple(f"{thing.id} {n}" for n in range(count))
    return thing


@pytest.mark.parametrize("link", ["P131", "P361", "P279", "P1365", "P1366"])
@pytest.mark.parametrize("upward", [True, False])
def test_ancestors_and_descendants_of_a_value_are_no_options(tmp_path, link, upward):
    child, parent = ("Q300", "Q200") if upward else ("Q200", "Q300")
    things = [
        *places(),
        *in_places(),
        value("Q300", "Smallham", COUNTY),
        repeated(Thing("Q9900", claims={"P131": ["Q300"]}), 12),
    ]
    claims = {thing.id: thing for thing in things}[child].claims
    claims[link] = [parent]
    wrong = options(tmp_path, things, "Q9900", properties=("P131",))
    assert wrong and "county 0" not in wrong
    assert "county 1" in wrong


def test_wrong_options_are_no_ancestors_of_each_other(tmp_path):
    things = [*places(8), *in_places(8)]
    for thing in things[:4]:
        thing.claims["P131"] = [f"Q{int(thing.id[1:]) + 4}"]
    rows = [row for row in questions(tmp_path, things, properties=("P131",)) if row["choices"]]
    pairs = [{f"county {n}", f"county {n + 4}"} for n in range(4)]
    assert len(rows) == 16 and not [row for row in rows for pair in pairs if pair <= set(row["choices"])]


def test_ancestors_of_a_deprecated_value_are_no_options(tmp_path):
    things = [*places(), *in_places(), value("Q300", "Smallham", COUNTY, P131=["Q200"])]
    things.append(repeated(Thing("Q9900", claims={"P131": ["Q201", ("Q300", "deprecated", "")]}), 12))
    assert options(tmp_path, things, "Q9900", properties=("P131",)) == {f"county {n}" for n in range(2, 6)}


def test_values_that_are_right_or_were_right_are_no_options(tmp_path):
    things = [*places(8), *in_places(8)]
    claims = ["Q200", "Q201", ("Q202", "deprecated", ""), ("Q203", "normal", "ended")]
    things.append(repeated(Thing("Q9900", claims={"P131": claims}), 12))
    rows = [row for row in questions(tmp_path, things, properties=("P131",)) if row["entity"] == "Q9900"]
    assert all(row["answers"] == ["county 0", "county 1"] for row in rows)
    wrong = {option for row in rows for option in row["choices"]} - {"county 0"}
    assert len(wrong) >= 3 and wrong <= {f"county {n}" for n in range(4, 8)}


def test_namesakes_of_any_value_are_no_options(tmp_path):
    things = [*places(6), *in_places(6), value("Q300", "COUNTY 3", COUNTY), value("Q301", "County 4", COUNTY)]
    things.append(repeated(Thing("Q9900", claims={"P131": ["Q300", ("Q301", "deprecated", "")]}), 12))
    wrong = options(tmp_path, things, "Q9900", properties=("P131",))
    assert wrong and not {"county 3", "county 4"} & wrong


def test_options_share_a_class_with_the_answer(tmp_path):
    things = [*places(6), *in_places(6)]
    people = [value(f"Q{400 + n}", f"person {n}", "Q5") for n in range(5)]
    things += [*people, *(Thing(f"Q{9100 + n}", claims={"P131": [f"Q{400 + n}"]}) for n in range(5))]
    for row in questions(tmp_path, things, properties=("P131",)):
        assert len({option.split()[0] for option in row["choices"]}) <= 1


def test_classes_are_shared_within_two_steps(tmp_path):
    kinds = [value(f"Q{500 + n}", f"kind {n}", P279=["Q600"]) for n in range(4)]
    states = [value(f"Q{200 + n}", f"county {n}", f"Q{500 + n}") for n in range(4)]
    things = [value("Q600", "administrative area"), *kinds, *states, *in_places(4)]
    rows = questions(tmp_path, things, properties=("P131",))
    assert all(len(row["choices"]) in (0, 4) for row in rows) and any(row["choices"] for row in rows)


MAN, WOMAN = "Q6581097", "Q6581072"


def architect(number, sex=MAN, born=1850):
    """Return a person, the only architect of a building."""
    claims = {"P21": [sex] if sex else [], "P569": [year(born)] if born else []}
    return value(f"Q{number}", f"{sex} {born}", "Q5", **claims)


def designed(*people):
    """Return the people, and two buildings by each of them."""
    return [*people, *(Thing(f"Q{person.id[1:]}{n}", claims={"P84": [person.id]}) for person in people for n in "01")]


def test_wrong_options_for_a_person_have_the_sex_and_the_time_of_the_answer(tmp_path):
    people = [
        architect(1000 * (sex == WOMAN) + born, sex, born) for sex in (MAN, WOMAN) for born in range(1500, 2000, 4)
    ]
    rows = [row for row in questions(tmp_path, designed(*people), properties=("P84",)) if row["choices"]]
    assert {row["answer"].split()[0] for row in rows} == {MAN, WOMAN}
    assert len(rows) > 0.9 * 2 * len(people)
    for row in rows:
        assert len({option.split()[0] for option in row["choices"]}) == 1
        assert all(abs(int(option.split()[1]) - int(row["answer"].split()[1])) <= 60 for option in row["choices"])


def test_frequent_people_are_wrong_options_three_times_as_often_as_they_are_answers(tmp_path):
    things = designed(*(architect(born, MAN, born) for born in range(1500, 1900, 4)))
    for thing in things[100::4]:
        repeated(thing, 4)
    rows = [row for row in questions(tmp_path, things, properties=("P84",)) if row["choices"]]
    right = Counter(row["answer"] for row in rows)
    wrong = Counter(option for row in rows for option in row["choices"] if option != row["answer"])
    frequent = {name for name, count in right.items() if count > 2}
    assert len(frequent) == 50 and len(right) == 100
    for names in (frequent, right.keys() - frequent):
        assert 2.4 < sum(wrong[name] for name in names) / sum(right[name] for name in names) < 3.6


@pytest.mark.parametrize(("sex", "born"), [("", 1850), (MAN, 0)])
def test_person_of_unknown_sex_or_birth_gets_no_choice_question_and_is_counted(tmp_path, sex, born):
    things = designed(*(architect(1800 + n, MAN, 1800 + n) for n in range(12)), architect(500, sex, born))
    with asked(tmp_path, things, properties=("P84",)) as store:
        rows = store.rows("SELECT question_type FROM question WHERE entity IN ('Q5000', 'Q5001')")
        assert rows == [("open",)] * 2
        assert rejections(store)["no wrong options for a person of unknown sex or birth"] == 2
        assert "fewer than three wrong options" not in rejections(store)


def test_value_without_a_class_gets_no_choice_question(tmp_path):
    things = [*places(6), *in_places(6), value("Q300", "somewhere"), Thing("Q9900", claims={"P131": ["Q300"]})]
    with asked(tmp_path, things, properties=("P131",)) as store:
        rows = store.rows("SELECT question_type FROM question WHERE entity = 'Q9900'")
        assert rows == [("open",)]
        assert rejections(store)["fewer than three wrong options"] == 1


def test_class_of_nearly_everything_is_not_shared(tmp_path):
    values = [value(f"Q{200 + n}", f"thing {n}", "Q35120") for n in range(6)]
    assert not any(row["choices"] for row in questions(tmp_path, [*values, *in_places()], properties=("P131",)))


def test_items_of_the_same_region_and_past_countries_are_no_options(tmp_path):
    today = {"Q183": "Germany", "Q142": "France", "Q38": "Italy", "Q29": "Spain", "Q45": "Portugal"}
    countries = [value(qid, name, "Q6256", "Q3624078") for qid, name in today.items()]
    countries += [value("Q43287", "German Empire", "Q3024240"), value("Q15180", "Soviet Union", "Q3024240")]
    things = [*countries, repeated(Thing("Q9900", claims={"P17": ["Q183"]}), 12)]
    things += [Thing(f"Q{9000 + n}", claims={"P17": [qid]}) for n, qid in enumerate([*today, "Q43287", "Q15180"])]
    rows = questions(tmp_path, things, properties=("P17",))
    wrong = {option for row in rows for option in row["choices"] if option != row["answer"]}
    assert "France" in wrong and not {"German Empire", "Soviet Union"} & wrong
    assert not any(row["choices"] for row in rows if row["answer"] in ("German Empire", "Soviet Union"))


def test_times_that_contain_each_other_are_no_options(tmp_path):
    claims = [year(1889), (year(1889, 11, 3, 31), "deprecated", ""), (year(1890, 10, 5), "deprecated", "")]
    things = [Thing(f"Q{9000 + n}", claims={"P571": [year(1880 + n)]}) for n in range(16)]
    things.append(repeated(Thing("Q9900", claims={"P571": claims}), 12))
    wrong = options(tmp_path, things, "Q9900", properties=("P571",))
    assert wrong and not {"1889", "1890"} & wrong


def test_times_have_the_precision_of_the_answer(tmp_path):
    things = [Thing(f"Q{9000 + n}", claims={"P571": [year(1880 + n)]}) for n in range(16)]
    things += [Thing(f"Q{9100 + n}", claims={"P571": [year(1880 + n, 11, 5, 1 + n)]}) for n in range(16)]
    for row in questions(tmp_path, things, properties=("P571",)):
        assert len({len(option) > 4 for option in row["choices"]}) <= 1


def test_quantities_have_one_unit_and_differ_clearly(tmp_path):
    heights = [100, 100.5, 101, 150, 200, 250, 300, 350]
    things = [Thing(f"Q{9000 + n}", claims={"P2048": [f"{height}/Q11573"]}) for n, height in enumerate(heights)]
    things += [Thing(f"Q{9100 + n}", claims={"P2048": [f"{height}/Q3710"]}) for n, height in enumerate(heights)]
    things = [repeated(thing, 2) for thing in things]
    rows = [row for row in questions(tmp_path, things, properties=("P2048",)) if row["choices"]]
    assert rows
    for row in rows:
        numbers = [float(option.split()[0]) for option in row["choices"]]
        right = float(row["answer"].split()[0])
        assert len({option.split()[1] for option in row["choices"]}) == 1
        assert all(abs(number - right) > 0.02 * number for number in numbers if number != right)


def test_names_are_missing_in_one_language_only(tmp_path):
    values = [
        value(f"Q{200 + n}", {"en": f"county {n}"} | ({"de": f"Kreis {n}"} if n < 5 else {}), COUNTY) for n in range(9)
    ]
    rows = questions(tmp_path, [*values, *in_places(9)], properties=("P131",), languages=("en", "de"))
    by_language = {code: [row for row in rows if row["language"] == code and row["choices"]] for code in ("en", "de")}
    assert len(by_language["en"]) == 18
    assert by_language["de"] and all(o.startswith("Kreis") for row in by_language["de"] for o in row["choices"])
