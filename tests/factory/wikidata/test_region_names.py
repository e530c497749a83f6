"""Region names of CLDR."""

import pytest

from factory.wikidata.region_names import region_names
from pangea_cultural.reference.languages import Language


@pytest.mark.parametrize(
    ("code", "name"), [("pt-br", "Alemanha"), ("zh-hant", "德國"), ("no", "Tyskland"), ("xx", None), ("a-b-c", None)]
)
def test_a_language_has_the_names_of_its_locale_or_none(code, name):
    row = Language(code=code, name="Own", native="Own", script="Latn")
    found = {qid: text for qid, _, text in region_names([row])}
    assert found.get("Q183") == name and bool(found) == bool(name)
