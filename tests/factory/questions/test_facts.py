"""Facts: what an image is asked about, and what is dropped with which reason."""

import pytest

from factory.splits.config import SplitConfig
from tests.factory.questions.question_store import UNREFERENCED, Thing, asked, questions, rejections, value, year

COUNTY = "Q28575"


def ask(folder, *things, **scope):
    return questions(folder, things, **scope)


def answers(rows, entity="Q1"):
    return {
        row["property"]: row["answers"] for row in rows if row["entity"] == entity and row["question_type"] == "open"
    }


def test_properties_are_asked_of_their_entity_types(tmp_path):
    tall = {"P2048": ["180/Q174728"], "P571": [year(1900)]}
    rows = ask(
        tmp_path, Thing("Q1", "building", claims=tall), Thing("Q2", "person", claims=tall), properties=("P2048", "P571")
    )
    assert {row["entity"] for row in rows} == {"Q1"}
    assert all(row["entity_type"] == "building" and "building" in row["question"] for row in rows)


def test_entities_without_a_type_and_areas_are_not_asked_for_their_names_and_counted(tmp_path):
    types = {"Q1": "any", "Q2": "area", "Q3": "site"}
    things = [Thing(entity, kind, "Thing", {"P571": [year(1900)]}) for entity, kind in types.items()]
    with asked(tmp_path, things, properties=("label", "P571")) as store:
        assert store.rows("SELECT DISTINCT entity FROM question WHERE property = 'label'") == [("Q3",)]
        rows = store.rows("SELECT item, reason, detail FROM rejection WHERE unit = 'fact' ORDER BY item")
        reason = "name of an entity whose type has no question about it"
        assert rows == [("Q1 label", reason, "any"), ("Q2 label", reason, "area")]


def test_names_that_are_not_in_the_scope_are_not_counted(tmp_path):
    with asked(tmp_path, [Thing("Q1", "any", "Thing")], properties=("P571",)) as store:
        assert rejections(store) == {}


def test_all_right_answers_are_given_the_first_one_first(tmp_path):
    people = [value(f"Q{10 + n}", f"Architect {n}", "Q5") for n in range(5)]
    rows = ask(tmp_path, *people, Thing("Q1", claims={"P84": [person.id for person in people]}), properties=("P84",))
    assert answers(rows)["P84"] == [f"Architect {n}" for n in range(5)]


@pytest.mark.parametrize(
    ("dates", "expected"),
    [
        ([year(1889), year(1889, 11, 3, 31), year(1889, 10, 3)], ["March 31, 1889", "March 1889", "1889"]),
        ([year(1889), year(1880, 8)], ["1889", "1880s"]),
        ([year(1889)], ["1889"]),
    ],
)
def test_most_precise_of_dates_that_agree_comes_first(tmp_path, dates, expected):
    assert answers(ask(tmp_path, Thing("Q1", claims={"P571": dates}), properties=("P571",)))["P571"][0] == expected[0]


def test_dates_without_a_difference_of_rank_ask_nothing(tmp_path):
    things = [Thing("Q1", claims={"P571": [year(1889), year(1901)]})]
    with asked(tmp_path, things, properties=("P571",)) as store:
        assert store.value("SELECT count(*) FROM question") == 0
        assert rejections(store)["values that contradict each other"] == 1


def test_preferred_date_is_right_although_another_one_differs(tmp_path):
    dates = [(year(1889), "preferred", ""), year(1901)]
    assert answers(ask(tmp_path, Thing("Q1", claims={"P571": dates}), properties=("P571",))) == {"P571": ["1889"]}


def test_ended_facts_are_not_asked_about(tmp_path):
    owners = [value("Q10", "First", "Q5"), value("Q11", "Second", "Q5")]
    things = [*owners, Thing("Q1", claims={"P127": [("Q10", "normal", "ended"), "Q11"]})]
    assert answers(ask(tmp_path, *things, properties=("P127",))) == {"P127": ["Second"]}


def test_facts_with_a_limiting_qualifier_only_are_counted(tmp_path):
    things = [value("Q10", "Owner", "Q5"), Thing("Q1", claims={"P127": [("Q10", "normal", "ended")]})]
    things.append(Thing("Q2", claims={"P127": [("Q10", "normal", "part")]}))
    with asked(tmp_path, things, properties=("P127",)) as store:
        assert store.value("SELECT count(*) FROM question") == 0
        rows = store.rows("SELECT item, detail FROM rejection WHERE unit = 'fact' ORDER BY item")
        assert rows == [("Q1 P127", "ended"), ("Q2 P127", "part")]


def without_reference(key):
    return (key, "normal", "", UNREFERENCED)


def test_times_and_quantities_without_a_reference_are_dropped_and_counted(tmp_path):
    claims = {"P571": [without_reference(year(1889))], "P2048": [without_reference("18/Q11573")], "P84": ["Q10"]}
    things = [value("Q10", "Architect", "Q5"), Thing("Q1", claims=claims)]
    with asked(tmp_path, things, properties=("P571", "P2048", "P84")) as store:
        assert store.rows("SELECT DISTINCT property FROM question") == [("P84",)]
        rows = store.rows("SELECT item, reason FROM rejection WHERE unit = 'fact' ORDER BY item")
        assert rows == [("Q1 P2048", "no reference"), ("Q1 P571", "no reference")]


@pytest.mark.parametrize(
    ("types", "properties"),
    [((), {"P571", "P2048"}), (("time",), {"P2048"}), (("quantity",), {"P571"}), (("time", "quantity"), set())],
)
def test_recipe_says_which_types_of_values_need_a_reference(tmp_path, types, properties):
    claims = {"P571": [without_reference(year(1889))], "P2048": [without_reference("18/Q11573")]}
    rows = ask(tmp_path, Thing("Q1", claims=claims), properties=("P571", "P2048"), referenced=types)
    assert set(answers(rows)) == properties


def test_value_with_a_reference_is_the_answer_and_the_other_one_contradicts(tmp_path):
    dates = {"Q1": without_reference(year(1889, 11, 3, 31)), "Q2": without_reference(year(1901))}
    things = [Thing(name, claims={"P571": [year(1889), other]}) for name, other in dates.items()]
    with asked(tmp_path, things, properties=("P571",)) as store:
        assert store.rows("SELECT entity, answers FROM question") == [("Q1", ["1889"])]
        rows = store.rows("SELECT item, reason FROM rejection WHERE unit = 'fact'")
        assert rows == [("Q2 P571", "values that contradict each other")]


def test_past_awards_are_asked_about(tmp_path):
    things = [
        value("Q10", "Prize", "Q618779"),
        Thing("Q1", "person", claims={"P166": [("Q10", "normal", "other time")]}),
    ]
    assert answers(ask(tmp_path, *things, properties=("P166",))) == {"P166": ["Prize"]}


@pytest.mark.parametrize(("life", "allowed", "count"), [("living", False, 0), ("living", True, 1), ("", False, 1)])
def test_living_people_are_not_asked_for_their_birth_unless_the_recipe_says_so(tmp_path, life, allowed, count):
    person = Thing("Q1", "person", claims={"P569": [year(1960)]}, life=life)
    rows = ask(tmp_path, person, properties=("P569",), living_people=allowed)
    assert len([row for row in rows if row["question_type"] == "open"]) == count


def test_sensitive_facts_are_not_asked_about_people_but_of_buildings(tmp_path):
    faith = value("Q10", "Faith", "Q9174")
    things = [faith, Thing("Q1", "person", claims={"P140": ["Q10"]}), Thing("Q2", claims={"P140": ["Q10"]})]
    assert {row["entity"] for row in ask(tmp_path, *things, properties=("P140",))} == {"Q2"}


def test_image_of_two_entities_asks_only_what_they_share_and_once(tmp_path):
    counties = [value(f"Q{20 + n}", f"county {n}", COUNTY) for n in range(2)]
    things = [
        *counties,
        Thing("Q1", labels="First", claims={"P131": ["Q20"], "P571": [year(1900)]}, images=("both", "alone")),
        Thing("Q2", labels="Second", claims={"P131": ["Q20"], "P571": [year(1950)]}, images=("both",)),
    ]
    with asked(tmp_path, things, properties=("label", "P131", "P571")) as store:
        by_image = store.rows(
            """SELECT i.file, q.property, count(*) FROM question q JOIN image i USING (image)
               WHERE question_type = 'open' GROUP BY ALL ORDER BY ALL"""
        )
        assert by_image == [
            ("alone.png", "P131", 1),
            ("alone.png", "P571", 1),
            ("alone.png", "label", 1),
            ("both.png", "P131", 1),
        ]
        assert rejections(store)["entities of the image differ"] == 2


def test_images_of_a_person_with_others_or_of_a_grave_ask_nothing_and_are_counted(tmp_path):
    names = {
        "Q1": ("Ann Lee", "Ann Lee and Bob Ray"),
        "Q2": ("Award to Ann (l), 1969", "Andrew Contreras, Leftwich 1910"),
        "Q3": ("Tombeau d'Ann",),
    }
    things = [Thing(entity, "person", entity, images=images) for entity, images in names.items()]
    things.append(Thing("Q4", "building", "Bridge", images=("Bridge and tower",)))
    with asked(tmp_path, things, properties=("label",)) as store:
        rows = store.rows("SELECT DISTINCT entity, file FROM question JOIN image USING (image) ORDER BY ALL")
        shown = [("Q1", "Ann Lee"), ("Q2", "Andrew Contreras, Leftwich 1910"), ("Q4", "Bridge and tower")]
        assert rows == [(entity, f"{name}.png") for entity, name in shown]
        rows = store.rows("SELECT detail FROM rejection WHERE reason LIKE 'image of a person%' ORDER BY ALL")
        assert rows == [("(l)",), ("and",), ("tombeau",)]


def test_question_with_its_answer_in_it_is_counted(tmp_path):
    things = [value("Q10", "Building", "Q16889133"), Thing("Q1", claims={"P31": ["Q10"]})]
    with asked(tmp_path, things, properties=("P31",)) as store:
        assert store.value("SELECT count(*) FROM question") == 0
        assert rejections(store)["answer in the question"] == 2


def test_possible_questions_are_made_or_rejected(tmp_path):
    styles = [
        value(f"Q{10 + n}", {"en": f"style {n}"} | ({"de": f"Stil {n}"} if n % 2 else {}), "Q32880") for n in range(9)
    ]
    things = [*styles, *(Thing(f"Q{100 + n}", claims={"P149": [f"Q{10 + n % 9}"]}) for n in range(60))]
    with asked(tmp_path, things, properties=("P149",), languages=("en", "de", "fr")) as store:
        possible, made = store.counts
        rejected = store.value("SELECT sum(items)::BIGINT FROM rejection WHERE stage = 'questions' AND unit = ''")
        assert possible == 60 * 3 * 2 == made + rejected
        assert made == store.value("SELECT count(*) FROM question")
        assert made == store.value("SELECT count(*) FROM question_key")


def test_held_out_languages_are_not_asked_on_training_images_and_counted(tmp_path):
    names = {"en": "Castle", "nl": "Kasteel", "de": "Burg"}
    things = [Thing(f"Q{n}", labels={code: f"{name} {n}" for code, name in names.items()}) for n in range(1, 60)]
    scope = {"languages": ("en", "nl", "de"), "held_out_languages": ("nl",), "properties": ("label",)}
    with asked(tmp_path, things, split=SplitConfig(dev=0, test=0.4), **scope) as store:
        languages = dict(
            store.rows("SELECT split, list(DISTINCT language) FROM question JOIN split USING (image) GROUP BY ALL")
        )
        assert set(languages["test"]) == {"en", "nl", "de"} and set(languages["train"]) == {"en", "de"}
        training = store.value("SELECT count(*) FROM split WHERE split = 'train'")
        assert rejections(store)["held-out language on a training image"] == 2 * training
        possible, made = store.counts
        rejected = store.value("SELECT sum(items)::BIGINT FROM rejection WHERE stage = 'questions' AND unit = ''")
        assert possible == made + rejected


def test_names_that_a_model_wrote_are_in_train_only(tmp_path):
    occupations = ["Q82955", "Q1028181", "Q36180", "Q177220", "Q33999", "Q36834"]
    values = [value(item, "", "Q28640") for item in occupations]
    things = [Thing(f"Q{n}", "person", claims={"P106": [occupations[n % 6]]}) for n in range(1, 90)]
    scope = {"languages": ("ru",), "properties": ("P106",), "split": SplitConfig(dev=0, test=0.4)}
    with asked(tmp_path, [*values, *things], **scope) as store:
        rows = store.rows("SELECT split, question_type, count(*) FROM question JOIN split USING (image) GROUP BY ALL")
        assert {split for split, _, _ in rows} == {"train"} and len(rows) == 2
        assert rejections(store)["answer named by a model, outside train"] > 40


def test_right_value_without_a_name_asks_nothing_in_the_language(tmp_path):
    names = [{"en": "First", "de": "Erste"}, {"en": "Second"}]
    values = [value(f"Q{20 + n}", names[n], "Q5") for n in range(2)]
    things = [*values, Thing("Q1", claims={"P84": ["Q20", "Q21"]})]
    rows = ask(tmp_path, *things, properties=("P84",), languages=("en", "de"))
    assert {row["language"] for row in rows} == {"en"}


def test_areas_around_an_area_and_the_year_of_a_day_are_answers_too(tmp_path):
    county = value("Q9930", "Large county", COUNTY, P131=["Q9931"])
    state = value("Q9931", "Far state", COUNTY, P131=[("Q183", "normal", "country")])
    claims = {"P131": ["Q9930"], "P1619": [year(1889, 11, 3, 31)]}
    things = [county, state, value("Q183", "Germany", "Q3624078"), Thing("Q1", claims=claims)]
    rows = ask(tmp_path, *things, properties=("P131", "P1619"))
    assert answers(rows) == {"P131": ["Large county", "Far state"], "P1619": ["March 31, 1889", "1889"]}
    assert {row["sentence"] for row in rows} >= {"Opening: March 31, 1889"}


def test_inception_of_a_museum_and_one_after_the_opening_are_not_asked(tmp_path):
    things = [
        Thing("Q1", claims={"P571": [year(1683)], "P31": ["Q33506"]}),
        Thing("Q2", claims={"P571": [year(1901)], "P1619": [year(1889)]}),
        Thing("Q3", claims={"P571": [year(1880)], "P1619": [year(1889)]}),
    ]
    with asked(tmp_path, things, properties=("P571", "P1619")) as store:
        rows = store.rows("SELECT DISTINCT entity FROM question WHERE property = 'P571'")
        assert rows == [("Q3",)]
        assert rejections(store)["date or owner of an institution or of its building"] == 1


def test_dates_and_owner_of_a_museum_are_not_asked_but_its_architect_is(tmp_path):
    claims = {"P31": ["Q33506"], "P571": [year(1683)], "P1619": [year(1845)], "P127": ["Q10"], "P84": ["Q11"]}
    things = [value("Q10", "University", "Q3918"), value("Q11", "Architect", "Q5"), Thing("Q1", claims=claims)]
    with asked(tmp_path, things, properties=("P571", "P1619", "P127", "P84")) as store:
        assert store.rows("SELECT DISTINCT property FROM question") == [("P84",)]
        assert rejections(store)["date or owner of an institution or of its building"] == 3


def test_value_with_the_entitys_own_name_is_not_asked_for(tmp_path):
    things = [
        value("Q9930", "Amsterdam", "Q2039348"),
        Thing("Q1", "settlement", labels="Amsterdam", claims={"P131": ["Q9930"], "P138": ["Q9930"]}),
        Thing("Q2", "settlement", labels="Diemen", claims={"P131": ["Q9930"]}),
    ]
    with asked(tmp_path, things, properties=("P131", "P138")) as store:
        rows = store.rows("SELECT DISTINCT entity, property FROM question ORDER BY ALL")
        assert ("Q1", "P131") not in rows and ("Q2", "P131") in rows
        assert rejections(store)["value with the entity's own name"] == 1


def test_class_that_says_no_more_than_the_type_is_not_asked_for(tmp_path):
    classes = [value("Q811979", "architectural structure", "Q1"), value("Q162875", "mausoleum", "Q1")]
    things = [
        *classes,
        Thing("Q2", claims={"P31": ["Q811979"]}),
        Thing("Q3", claims={"P31": ["Q811979", "Q162875"]}),
    ]
    with asked(tmp_path, things, properties=("P31",)) as store:
        assert store.rows("SELECT DISTINCT entity FROM question") == [("Q3",)]
        assert rejections(store)["class that says no more than the type of the entity"] == 1


def test_deprecated_values_do_not_withhold_a_fact(tmp_path):
    day, other = "+1996-08-14T00:00:00Z/11/Q1985727", "+1993-11-26T00:00:00Z/11/Q1985727"
    things = [
        value("Q9930", "Amsterdam", "Q2039348"),
        value("Q9931", "North Holland", "Q134390"),
        Thing("Q1", labels="Amsterdam", claims={"P131": ["Q9931", ("Q9930", "deprecated", "")]}),
        Thing("Q2", claims={"P571": [other, (day, "deprecated", "")], "P1619": [day]}),
        Thing("Q3", claims={"P571": [other], "P1619": [day, (other, "deprecated", "")]}),
    ]
    with asked(tmp_path, things, properties=("P131", "P571", "P1619")) as store:
        rows = store.rows("SELECT DISTINCT entity, property FROM question ORDER BY ALL")
        assert rows == [("Q1", "P131"), *((name, prop) for name in ("Q2", "Q3") for prop in ("P1619", "P571"))]


def test_inception_on_the_day_of_the_opening_is_not_asked(tmp_path):
    day, other = "+1996-08-14T00:00:00Z/11/Q1985727", "+1993-11-26T00:00:00Z/11/Q1985727"
    things = [
        Thing("Q1", claims={"P571": [day], "P1619": [day]}),
        Thing("Q2", claims={"P571": [other], "P1619": [day]}),
        Thing("Q3", claims={"P571": [year(2007)], "P1619": [year(2007)]}),
    ]
    with asked(tmp_path, things, properties=("P571", "P1619")) as store:
        rows = store.rows("SELECT DISTINCT entity FROM question WHERE property = 'P571' ORDER BY ALL")
        assert rows == [("Q2",), ("Q3",)]
        assert rejections(store)["inception on the day of the opening"] == 1


def test_of_a_whole_and_its_part_the_part_is_asked_and_the_whole_is_accepted(tmp_path):
    things = [
        value("Q9920", "Oval", "Q483110", P131=["Q9922"]),
        value("Q9921", "Town", "Q515", P131=["Q9922"]),
        value("Q9922", "Borough", "Q15284"),
        value("Q9923", "art museum", "Q24017414", P279=["Q9924"]),
        value("Q9924", "museum", "Q24017414"),
        value("Q9925", "palace", "Q24017414"),
        Thing("Q1", "event", claims={"P276": ["Q9920", "Q9921"]}),
        Thing("Q2", claims={"P31": ["Q9923", "Q9924", "Q9925"]}),
    ]
    for number, kind in ((0, "building"), (1, "settlement"), (2, "area")):
        things[number].type = kind
    rows = ask(tmp_path, *things, properties=("P276", "P31"))
    assert answers(rows) == {"P276": ["Oval", "Town"]}
    assert answers(rows, "Q2") == {"P31": ["art museum", "palace", "museum"]}
    assert {row["sentence"] for row in rows} == {"Location: Oval", "Kinds: art museum and palace"}


def test_other_names_of_an_answer_are_answers_too_and_no_wrong_options(tmp_path):
    names = {"Q36": {"pt": "Polónia"}, "Q990": {"pt-br": "Trem", "pt": "Comboio"}, "Q991": {"pt": "Comboio"}}
    kinds = [value(item, labels, "Q32880") for item, labels in names.items()]
    kinds += [value(f"Q{992 + n}", {"pt": f"Coisa {n}"}, "Q32880") for n in range(4)]
    things = [Thing(f"Q{100 + n}", claims={"P366": [kinds[1 + n % 6].id]}) for n in range(60)]
    things += [*kinds, Thing("Q1", claims={"P17": ["Q36"]})]
    rows = ask(tmp_path, *things, properties=("P17", "P366"), languages=("pt",))
    assert answers(rows) == {"P17": ["Polônia", "Polónia"]}
    trains = [row for row in rows if row["answer"] == "Trem"]
    assert all(row["answers"] == ["Trem", "Comboio"] and "Comboio" not in row["choices"] for row in trains)
    assert any(row["choices"] for row in trains)
    assert any("Comboio" in row["choices"] for row in rows)
