"""The tables of languages and regions, and lookups in them."""

import dataclasses
import re

import pytest

from factory.reference.scripts import SCRIPTS, fits_script
from pangea_cultural.errors import UserError
from pangea_cultural.reference import languages as languages_module
from pangea_cultural.reference import regions as regions_module
from pangea_cultural.reference.languages import labels_for, language, languages, training_languages
from pangea_cultural.reference.regions import ambiguous_states, region, regions

# CVQA, XM100, M3Exam, the chat benchmark and Kaleidoscope; then ALM-Bench; then WorldCuisines; then Afri-MCQA.
HELD_OUT = """
af br da fi fil hr hu lt mi min mr ne om quz rw sr sv
sq hy as az eu be bho bs ca ceb et gl ka gu ha haw is kn kk km ku ky lo la lb lv mk mg ml mt my or ps pa sa gd sn sd sk
sl so tg ug uz cy yi yo
nan sc yue
ak ki lg ln ny st ti tn zu
"""
ATLANTIS = '[atlantis]\nname = "Atlantis"\nqid = "Q99000000"\niso = "XZ"\nlanguages = ["el"]\n'


def table_at(path):
    return dataclasses.replace(regions_module.TABLE, path=path)


def test_table_has_39_languages_with_aliases():
    assert len(training_languages()) == 39
    assert language("iw").code == "he" and language("nb").code == "no" and language("jw").code == "jv"
    assert language("no").labels == ("nb", "no", "nn")


def test_table_has_the_held_out_languages_of_benchmarks():
    codes = HELD_OUT.split()
    assert sorted(codes) == sorted(code for code, row in languages().items() if not row.cultural_ground)


def test_right_to_left_languages():
    rtl = [code for code, row in languages().items() if row.direction == "rtl"]
    assert sorted(set(rtl) & set(training_languages())) == ["ar", "fa", "he", "ur"]
    assert language("iw").direction == "rtl"
    assert {row.code for row in languages().values() if row.script in ("Arab", "Hebr")} == set(rtl)


def test_resource_classes_are_those_of_the_paper():
    known = {code: row.resource_class for code, row in languages().items()}
    examples = {
        "lo": 2,
        "mt": 2,
        "ga": 2,
        "zu": 2,
        "id": 3,
        "uk": 3,
        "ceb": 3,
        "af": 3,
        "he": 3,
        "ru": 4,
        "hu": 4,
        "vi": 4,
    }
    examples |= {"nl": 4, "ko": 4, "en": 5, "es": 5, "de": 5, "ja": 5, "fr": 5, "bho": 1, "no": 1}
    assert {code: known[code] for code in examples} == examples
    assert [code for code, value in known.items() if value is None] == ["si", "nan"]


def test_native_names_fit_known_scripts():
    for row in languages().values():
        assert row.script in SCRIPTS, row
        assert fits_script(row.native, row.script), row


def test_aliases_are_unambiguous():
    codes = [*languages(), *(alias for row in languages().values() for alias in row.aliases)]
    assert len(codes) == len(set(codes))


def test_chinese_labels_are_traditional_only_in_taiwan():
    assert labels_for("zh", "taiwan")[:5] == ("zh-hant", "zh-tw", "zh-hk", "zh-mo", "zh")
    for slug in ("china", "singapore", "malaysia", None):
        assert labels_for("zh", slug)[:5] == ("zh-hans", "zh-cn", "zh-sg", "zh-my", "zh")


def test_labels_default_to_those_of_the_language():
    assert labels_for("nb", "taiwan") == ("nb", "no", "nn")
    assert labels_for("iw") == ("he",)


def test_regional_labels_name_regions():
    for row in languages().values():
        assert set(row.regional_labels) <= set(regions()), row


def test_42_regions_have_known_languages():
    assert len(regions()) == 42
    for row in regions().values():
        assert row.languages and set(row.languages) <= set(training_languages()), row


def test_items_belong_to_one_region_or_are_ambiguous():
    items = [*(item for row in regions().values() for item in row.items), *ambiguous_states()]
    assert len(items) == len(set(items))
    assert region("netherlands").items[:2] == ("Q55", "Q29999")
    assert "Q7318" in region("germany").items and "Q161885" in region("united_kingdom").items
    assert ambiguous_states()["Q15180"] == "Soviet Union"


def test_regions_have_figures_with_year_and_source():
    for row in regions().values():
        assert row.population is not None and row.gdp_per_capita is not None, row
        assert 1_000_000 < row.population.count < 2_000_000_000, row
        assert 500 < row.gdp_per_capita.usd < 200_000, row
        assert row.population.year == row.gdp_per_capita.year >= 2020, row
        assert row.population.source and row.gdp_per_capita.source, row


def test_only_figures_of_taiwan_are_not_from_the_world_bank():
    other = [slug for slug, row in regions().items() if "World Bank" not in row.gdp_per_capita.source]
    assert other == ["taiwan"]
    assert region("china").population.source == "World Bank SP.POP.TOTL"
    assert region("bangladesh").gdp_per_capita.usd == round(437_415_333_018 / 171_466_990)


def test_lookup_of_unknown_name_shows_near_matches():
    with pytest.raises(UserError, match=r"Unknown region 'jappan'. Did you mean japan"):
        region("jappan")
    with pytest.raises(UserError, match="Unknown language 'xx'"):
        language("xx")
    with pytest.raises(UserError, match="Unknown language 'xx'"):
        labels_for("xx", "taiwan")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (('name = "Atlantis"\n', ""), "[atlantis]: name: Field required"),
        (("name =", "nmae ="), "[atlantis]: Unknown key 'nmae'. Did you mean name"),
        (("Q99000000", "99000000"), "[atlantis]: qid: String should match"),
        (('iso = "XZ"', 'iso = "XZ"\npopulation = {count = 5, yaer = 1}'), "Unknown key 'yaer'. Did you mean year"),
        (("[atlantis]", "[atlantis"), "is not TOML"),
        (("[atlantis]", "atlantis = 3\n[other]"), "atlantis must be a table"),
    ],
)
def test_invalid_row_is_rejected_in_one_line(tmp_path, change, message):
    path = tmp_path / "regions.toml"
    path.write_text(ATLANTIS.replace(*change))
    with pytest.raises(UserError, match=re.escape(message)) as caught:
        table_at(path).find("atlantis")
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_new_row_needs_no_figures(tmp_path):
    path = tmp_path / "regions.toml"
    path.write_text(ATLANTIS)
    assert table_at(path).find("atlantis").population is None


def test_missing_table_is_named(tmp_path):
    with pytest.raises(UserError, match=r"Cannot read .*regions\.toml"):
        table_at(tmp_path / "regions.toml").find("japan")


def test_tables_ship_with_the_package():
    assert all(t.path.is_file() for t in (languages_module.TABLE, regions_module.TABLE, regions_module.STATES_TABLE))
