"""Languages, regions and names that are looked up in tables."""

import pytest

from pangea_cultural.errors import UserError
from pangea_cultural.languages import language, languages, training_languages
from pangea_cultural.regions import region, regions


def test_the_39_languages_and_their_aliases():
    assert len(training_languages()) == 39
    assert language("iw").code == "he" and language("nb").code == "no" and language("jw").code == "jv"
    assert language("no").labels == ("nb", "no", "nn")


def test_right_to_left_languages():
    assert sorted(c for c, row in languages().items() if row.direction == "rtl") == ["ar", "fa", "he", "ur"]


def test_aliases_are_unambiguous():
    codes = [*languages(), *(alias for row in languages().values() for alias in row.aliases)]
    assert len(codes) == len(set(codes))


def test_the_42_regions_speak_known_languages():
    assert len(regions()) == 42
    assert len({row.qid for row in regions().values()}) == 42
    for row in regions().values():
        assert set(row.languages) <= set(training_languages()), row


def test_unknown_names_show_near_matches():
    with pytest.raises(UserError, match=r"unknown region 'jappan': did you mean japan"):
        region("jappan")
    with pytest.raises(UserError, match="unknown language 'xx'"):
        language("xx")
