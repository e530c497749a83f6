"""Cleaning of labels when they become names."""

import itertools

import pytest

from tests.factory.questions.names.labeled import Labeled


@pytest.fixture
def named(tmp_path):
    """Return a function from labels to the names of an item, by language."""
    folders = (tmp_path / str(number) for number in itertools.count())

    def names(labels, **kind):
        folder = next(folders)
        folder.mkdir()
        store = Labeled(folder, ["zh" if code == "zh-hans" else code for code in labels])
        written = store.add("Q2", labels, **kind).write()
        return {language: text for (_, language, _), (text, _) in written.items()}

    return names


def names_of(folder, language, labels, **kind):
    """Return the names of items with one label each, in the order of the labels."""
    store = Labeled(folder, [language])
    for number, label in enumerate(labels, 990_000):
        store.add(f"Q{number}", {language: label}, **kind)
    written = store.write()
    return [written[f"Q{number}", language, ""][0] for number, _ in enumerate(labels, 990_000)]


def test_what_belongs_to_no_name_is_removed(tmp_path):
    cases = [
        ("soft\u00adhyphen", "softhyphen"),
        ("two  blanks", "two blanks"),
        ("a\u00a0fixed\u202fblank", "a fixed blank"),
        ("a\u0007bell and a\u200bbreak", "abell and abreak"),
        ("Cafe\u0301", "Café"),
        ('"The Scream"', "The Scream"),
        ("„Der Schrei“", "Der Schrei"),
        ("« Le Cri »", "Le Cri"),
        ("‘Abd al-Rahman", "‘Abd al-Rahman"),
        ('"A" and "B"', '"A" and "B"'),
        ("O'Brien's", "O'Brien's"),
        ("iron(III) oxide", "iron(III) oxide"),
        ("iron(III)", "iron(III)"),
        ("(untitled)", "(untitled)"),
        ("Blade Runner (1982 film)", "Blade Runner"),
        ("Paris (Texas)", "Paris"),
        ("Paris (Texas) (city)", "Paris"),
    ]
    assert names_of(tmp_path, "en", [label for label, _ in cases]) == [name for _, name in cases]


def test_marks_of_direction_go_and_joiners_stay(named):
    assert named({"he": "ירושלים\u200f", "fa": "می\u200cگوید", "si": "ශ්\u200dරී"}) == {
        "he": "ירושלים",
        "fa": "می\u200cگوید",
        "si": "ශ්\u200dරී",
    }


def test_brackets_without_a_blank_are_removed_in_chinese_only(named):
    assert named({"zh-hans": "巴黎（得克萨斯州）", "ja": "ワルシャワ（モドリン）"}) == {
        "zh": "巴黎",
        "ja": "ワルシャワ（モドリン）",
    }
    assert named({"zh-hans": "巴黎(得克萨斯州)", "ja": "パリ (テキサス州)"}) == {"zh": "巴黎", "ja": "パリ"}
    assert named({"zh-hans": "氧化铁(III)"}) == {"zh": "氧化铁(III)"}


def test_brackets_that_english_has_as_well_are_part_of_the_name(named):
    labels = {"en": "Frankfurt (Oder)", "de": "Frankfurt (Oder)", "fr": "Francfort-sur-l'Oder"}
    assert named(labels, entity_type="settlement") == labels


def test_brackets_of_one_language_are_no_part_of_the_name(named):
    names = named({"en": "Paris", "fr": "Paris (Texas)", "de": "Paris (Texas)"}, entity_type="settlement")
    assert set(names.values()) == {"Paris"}


def test_the_title_of_a_work_keeps_brackets_that_all_labels_have(named):
    title = "Hello (Turn Your Radio On)"
    assert named({"en": title, "de": title}, entity_type="music") == {"en": title, "de": title}
    assert named({"fr": title}, property="P800") == {"fr": title}


def test_the_title_of_a_work_loses_brackets_that_english_lacks(named):
    assert named({"en": "Alive", "de": "Alive (Lied)"}, entity_type="music") == {"en": "Alive", "de": "Alive"}


def test_a_part_behind_a_comma_that_hardly_any_language_has_is_removed(tmp_path):
    codes = ["en", "de", "fr", "nl", "it", "ur"]
    store = Labeled(tmp_path, codes)
    names = dict.fromkeys(codes, "Lincoln College") | {"ur": "لنکن کالج، اوکسفرڈ"}
    store.add("Q2", names, property="P69", entity_type="organization")
    others = dict.fromkeys(codes, "Bell, Book and Candle") | {"ur": "بیل، بک"}
    store.add("Q3", others, property="P69", entity_type="organization")
    written = store.write()
    assert written["Q2", "ur", ""][0] == "لنکن کالج"
    assert written["Q3", "ur", ""][0] == "بیل، بک" and written["Q3", "en", ""][0] == "Bell, Book and Candle"


def test_names_have_one_form_of_the_apostrophe(tmp_path):
    store = Labeled(tmp_path, ["en", "de", "uk"])
    store.add("Q2", {"en": "St Anne's College", "de": "St Anne’s College", "uk": "Слов’янськ"})
    written = store.write()
    assert written["Q2", "de", ""][0] == written["Q2", "en", ""][0] == "St Anne's College"
    assert written["Q2", "uk", ""][0] == "Слов'янськ"


@pytest.mark.parametrize(
    ("language", "label", "country", "name"),
    [("fa", "کلونی، فرانسه", "فرانسه", "کلونی"), ("ar", "كلوني، فرنسا", "فرنسا", "كلوني")],
)
def test_a_containing_place_is_removed_behind_an_arabic_comma(tmp_path, language, label, country, name):
    store = Labeled(tmp_path, [language])
    store.add("Q4", {"en": "France", language: country})
    store.add("Q2", {"en": "Cluny", language: label}, property="P131", within=["Q4"])
    assert store.write()["Q2", language, ""][0] == name


def test_a_containing_place_is_removed(tmp_path):
    store = Labeled(tmp_path, ["en", "de"])
    store.add("Q3", {"en": "Sangamon County"}, within=["Q4"])
    store.add("Q4", {"en": "Illinois", "de": "Illinois"})
    store.add("Q2", {"en": "Springfield, Illinois", "de": "Springfield, Illinois"}, property="P131", within=["Q3"])
    store.add("Q5", {"en": "Washington, D.C."}, property="P131", within=["Q4"])
    store.add("Q6", {"en": "Eyes, Lies, Illinois"}, property="P800", entity_type="text", within=["Q4"])
    written = store.write()
    assert written["Q2", "en", ""][0] == written["Q2", "de", ""][0] == "Springfield"
    assert written["Q5", "en", ""][0] == "Washington, D.C."
    assert written["Q6", "en", ""][0] == "Eyes, Lies, Illinois"


def test_a_place_is_named_as_in_most_languages(named):
    labels = {"en": "Newport, Wales", "de": "Newport", "fr": "Newport"}
    assert named(labels, entity_type="settlement")["en"] == "Newport"
    assert named(labels, entity_type="building")["en"] == "Newport, Wales"


@pytest.mark.parametrize(
    ("language", "cases"),
    [
        (
            "ru",
            {
                "Пушкин, Александр Сергеевич": "Александр Сергеевич Пушкин",
                "Гёте, Иоганн Вольфганг фон": "Иоганн Вольфганг фон Гёте",
                "Римский-Корсаков, Н. А.": "Н. А. Римский-Корсаков",
                "Дюма, Александр (отец)": "Александр Дюма",
                "Брейгель, Питер Старший": "Питер Брейгель Старший",
                "Виктория, королева Великобритании": "Виктория, королева Великобритании",
                "Наполеон I": "Наполеон I",
            },
        ),
        (
            "uk",
            {"Шевченко, Тарас Григорович": "Тарас Григорович Шевченко", "Кам'янецький, Іван": "Іван Кам'янецький"},
        ),
        ("be", {"Купала, Янка": "Янка Купала"}),
        ("bg", {"Вазов, Иван": "Иван Вазов"}),
        ("en", {"Davis, Sammy": "Davis, Sammy"}),
    ],
)
def test_the_given_name_comes_first(tmp_path, language, cases):
    assert names_of(tmp_path, language, cases, property="P50") == list(cases.values())


def test_only_people_have_given_names(named):
    assert named({"ru": "Москва, Кремль"}, entity_type="building", property="P50") == {"ru": "Москва, Кремль"}


def test_a_class_is_a_common_noun_if_english_has_no_capital(named):
    labels = {"en": "painter", "fr": "Peintre", "de": "Maler", "ru": "Художник", "tr": "İressam", "el": "Άνθρωπος"}
    assert named(labels, property="P106") == {
        "en": "painter",
        "fr": "peintre",
        "de": "Maler",
        "ru": "художник",
        "tr": "iressam",
        "el": "άνθρωπος",
    }


@pytest.mark.parametrize(
    ("labels", "language"),
    [
        ({"en": "Gothic architecture", "el": "Γοτθική αρχιτεκτονική"}, "el"),
        ({"en": "television series", "nl": "TV-serie"}, "nl"),
        ({"en": "unit", "fr": "X"}, "fr"),
        ({"fr": "Peintre"}, "fr"),
        ({"en": "commune of the state", "fr": "Commune de France"}, "fr"),
    ],
)
def test_other_capitals_stay(named, labels, language):
    assert named(labels, property="P31")[language] == labels[language]


def test_a_title_keeps_its_capital(named):
    assert named({"en": "the scream", "fr": "Le cri"}, property="P800")["fr"] == "Le cri"


def test_names_of_a_store_do_not_depend_on_its_other_items(tmp_path):
    labels = {"en": "Paris (Texas)", "fr": "Paris (Texas)"}
    for folder in ("alone", "together"):
        (tmp_path / folder).mkdir()
    first = Labeled(tmp_path / "alone", ["en", "fr"]).add("Q2", labels).write()
    together = Labeled(tmp_path / "together", ["en", "fr"]).add("Q3", {"en": "Paris", "fr": "Paris"})
    second = together.add("Q2", labels).write()
    assert {key: name for key, name in second.items() if key[0] == "Q2"} == first


def test_english_capitals_are_those_of_the_lexicon(tmp_path):
    store = Labeled(tmp_path, ["en", "vi"])
    store.add("Q1028181", {"en": "Painter"}, property="P106").add("Q188", {"vi": "tiếng đức"}, property="P1412")
    written = store.write()
    assert written["Q1028181", "en", ""] == ("painter", "en")
    assert written["Q188", "vi", ""] == ("tiếng đức", "vi")
