"""Choice of a name: sources in order, conversion of Chinese, reasons to have none."""

import pytest

from factory.questions import value_names
from factory.questions.names.chinese import simplified, taiwanese
from tests.factory.questions.names.labeled import Labeled


def test_a_name_records_where_it_comes_from(tmp_path):
    store = Labeled(tmp_path, ["no", "de", "fr"])
    store.add("Q2", {"nn": "Nynorsk", "mul": "Common"}).add("Q3", {"nb": "Bokmål", "nn": "Nynorsk", "de": "Deutsch"})
    written = store.write()
    assert written["Q2", "no", ""] == ("Nynorsk", "nn")
    assert written["Q2", "de", ""] == ("Common", "mul")
    assert written["Q3", "no", ""] == ("Bokmål", "nb")
    assert written["Q3", "de", ""] == ("Deutsch", "de")
    assert ("Q3", "fr", "") not in written


def test_cldr_names_a_country_before_the_label_for_all_languages(tmp_path):
    written = Labeled(tmp_path, ["de", "sw"]).add("Q114", {"mul": "Kenya"}).write()
    assert written["Q114", "de", ""] == ("Kenia", "cldr")
    assert written["Q114", "sw", ""] == ("Kenya", "cldr")


def test_cldr_comes_before_labels_of_countries_and_after_those_of_languages(tmp_path):
    store = Labeled(tmp_path, ["de", "th"])
    store.add("Q142", {"de": "Republik Frankreich", "th": "ประเทศฝรั่งเศส"}).add(
        "Q150", {"de": "die französische Sprache"}
    )
    names = store.write()
    assert names["Q142", "de", ""] == ("Frankreich", "cldr")
    assert names["Q142", "th", ""] == ("ฝรั่งเศส", "cldr")
    assert names["Q150", "de", ""][1] == "de"


def test_a_value_without_a_name_has_one_reason_per_language(tmp_path):
    store = Labeled(tmp_path, ["de", "ru", "th"])
    store.add("Q2", {}, is_read=False).add("Q3", {"de": "Ding", "ru": "Thing"})
    store.write()
    assert store.rejections() == {
        ("Q2", value_names.NOT_READ): ("de ru th", 3),
        ("Q3", value_names.FOREIGN_SCRIPT): ("ru", 1),
        ("Q3", value_names.NO_LABEL): ("th", 1),
    }


def test_times_and_quantities_have_texts_or_reasons(tmp_path):
    store = Labeled(tmp_path, ["en", "zh"], regions=("taiwan",))
    store.add_value("330/Q11573", "quantity", property="P2048")
    store.add_value("5/Q712226", "quantity", property="P2048")
    store.add_value("+1850-00-00T00:00:00Z/7/Q1985727", "time", property="P571")
    written = store.write()
    assert written["330/Q11573", "en", ""] == ("330 meters", "babel")
    assert written["330/Q11573", "zh", ""][0] == "330米"
    assert written["330/Q11573", "zh", "taiwan"][0] == "330 公尺"
    assert written["+1850-00-00T00:00:00Z/7/Q1985727", "zh", "taiwan"][0] == "19世紀"
    assert store.rejections() == {("5/Q712226", "value: unit that is not converted"): ("en zh", 2)}
    forms = dict(store.store.rows("SELECT value, form FROM value_text WHERE language = 'en'"))
    assert forms == {"330/Q11573": "quantity", "+1850-00-00T00:00:00Z/7/Q1985727": "century"}


def test_amounts_of_any_size_have_a_text_or_a_reason(tmp_path):
    amounts = ["0.0004", "12.3456", "12345678901234567890123456", "9" * 130, "0." + "0" * 129 + "1"]
    store = Labeled(tmp_path, ["en", "de"])
    for amount in amounts:
        store.add_value(f"{amount}/Q11573", "quantity", property="P2048")
    texts = {value: text for (value, language, _), (text, _) in store.write().items() if language == "en"}
    assert texts == {
        "0.0004/Q11573": "0.0004 meters",
        "12.3456/Q11573": "12.3456 meters",
        "12345678901234567890123456/Q11573": "12,345,678,901,234,567,890,123,456 meters",
    }
    reasons = {reason for _, reason in store.rejections()}
    assert reasons == {"value: quantity of more than 40 digits"} and len(store.rejections()) == 2


def test_a_quantity_has_the_unit_of_its_property(tmp_path):
    store = Labeled(tmp_path, ["en"])
    store.add_value("330/1", "quantity", property="P2048").add_value("12/Q11573", "quantity", property="P1101")
    store.add_value("5/1", "quantity", property="P1083").add_value("5/1", "quantity", property="P2048")
    assert {value: text for (value, _, _), (text, _) in store.write().items()} == {"5/1": "5"}
    assert store.rejections() == {
        ("330/1", value_names.WRONG_UNIT): ("en", 1),
        ("12/Q11573", value_names.WRONG_UNIT): ("en", 1),
    }


def test_only_values_of_the_recipe_have_names(tmp_path):
    store = Labeled(tmp_path, ["en"]).add("Q2", {"en": "asked"}, property="P84").add("Q3", {"en": "not asked"})
    store.properties = {"P84"}
    assert {value for value, _, _ in store.write()} == {"Q2"}


def test_values_along_a_path_have_names(tmp_path):
    store = Labeled(tmp_path, ["en"]).add("Q2", {"en": "Country"}, property="P17")
    store.add("Q3", {"en": "Capital"}, property="P36")
    store._claim("Q2", "P36", "Q3", "item")
    store.properties = {"P17/P36"}
    assert {value for value, _, _ in store.write()} == {"Q3"}


@pytest.fixture(scope="module")
def chinese(tmp_path_factory):
    store = Labeled(tmp_path_factory.mktemp("zh"), ["zh"], regions=("taiwan", "china"))
    store.add("Q2", {"zh-hant": "東漢"}).add("Q3", {"zh-hans": "网络"}).add("Q4", {"zh": "國王"})
    store.add("Q5", {"zh": "国王"}).add("Q6", {"zh-tw": "軟體"}).add("Q7", {"zh": "人", "zh-hant": "人"})
    store.add("Q8", {"zh-hans": "乾隆", "zh-hant": "乾隆"})
    return store.write()


@pytest.mark.parametrize(
    ("item", "region", "name"),
    [
        ("Q2", "", ("东汉", "opencc")),
        ("Q2", "taiwan", ("東漢", "zh-hant")),
        ("Q3", "", ("网络", "zh-hans")),
        ("Q3", "taiwan", ("網路", "opencc")),
        ("Q4", "", ("国王", "opencc")),
        ("Q4", "taiwan", ("國王", "zh")),
        ("Q5", "", ("国王", "zh")),
        ("Q5", "taiwan", ("國王", "opencc")),
        ("Q6", "", ("软件", "opencc")),
        ("Q6", "taiwan", ("軟體", "zh-tw")),
        ("Q7", "", ("人", "zh")),
    ],
)
def test_chinese_is_converted_where_no_label_is_right(chinese, item, region, name):
    assert chinese[item, "zh", region] == name


def test_a_region_has_a_name_of_its_own_only_if_it_differs(chinese):
    assert ("Q7", "zh", "taiwan") not in chinese and ("Q8", "zh", "taiwan") not in chinese


@pytest.mark.parametrize("text", ["萬里長城", "皇后", "臺北101", "總統府"])
def test_a_traditional_text_stays_in_taiwan(text):
    assert taiwanese(text) == text
    assert taiwanese(simplified(text)) in (text, text.replace("臺", "台"))


def test_a_conversion_names_nothing_in_other_languages(tmp_path):
    written = Labeled(tmp_path, ["ja", "ko", "zh"]).add("Q2", {"zh": "市鎮"}).write()
    assert set(written) == {("Q2", "zh", "")}
