"""The license table."""

import pytest

from pangea_cultural.errors import ImageError
from pangea_cultural.reference import licenses


@pytest.mark.parametrize(
    ("code", "name", "expected"),
    [
        ("cc-by-sa-4.0", "CC BY-SA 4.0", "cc-by-sa-4.0"),
        ("", "CC BY-SA 3.0 de", "cc-by-sa-3.0"),
        ("", "CC-BY-3.0-IGO", "cc-by-3.0"),
        ("", "CC BY\u2011SA\u00a04.0", "cc-by-sa-4.0"),
        ("", "Creative Commons Attribution-Share Alike 4.0 International", "cc-by-sa-4.0"),
        ("cc-by-sa-3.0,2.5,2.0,1.0", "CC BY-SA 3.0", "cc-by-sa-3.0"),
        ("cc-by-sa-3.0-migrated", "CC BY-SA 3.0", "cc-by-sa-3.0"),
        ("cc-by-2.0", "", "cc-by-2.0"),
        ("cc0", "CC0", "cc0-1.0"),
        ("", "CC0-1.0", "cc0-1.0"),
        ("pd", "Public domain", "public-domain"),
        ("pd-old-100", "Public domain", "public-domain"),
        ("", "PD-old-70-expired", "public-domain"),
        ("", "PD-Japan-oldphoto", "public-domain"),
        ("", "PD-USGov-NASA", "public-domain"),
        ("", "GFDL 1.2", "gfdl"),
        ("", "GFDL-1.3-or-later", "gfdl"),
        ("", "Free Art License", "fal"),
        ("", "LAL-1.3", "fal"),
        ("", "KOGL Type 1", "kogl-1"),
        ("", "OGL v1.0", "ogl"),
        ("", "OGL-UK-3.0", "ogl"),
        ("", "DL-DE-BY-2.0", "dl-de-by-2.0"),
        ("attribution", "Attribution", "attribution"),
    ],
)
def test_find_returns_one_code_per_free_license(code, name, expected):
    assert licenses.find(code, name).code == expected
    assert licenses.is_code(expected)


@pytest.mark.parametrize(
    ("code", "name", "reason", "detail"),
    [
        ("cc-by-sa-4.0", "CC BY-NC-SA 4.0", "non-free license", "CC BY-NC-SA 4.0"),
        ("", "CC BY-NC-ND 4.0", "non-free license", "CC BY-NC-ND 4.0"),
        ("", "Fair use", "non-free license", "Fair use"),
        ("", "All rights reserved", "non-free license", "All rights reserved"),
        ("", "Attribution - personal use only", "non-free license", "Attribution - personal use only"),
        ("attribution", "Attribution - personal use only", "non-free license", "Attribution - personal use only"),
        ("", "KOGL Type 3", "unknown license", "KOGL Type 3"),
        ("", "unknown", "unknown license", "unknown"),
        ("", "cc-by-sa", "unknown license", "cc-by-sa"),
        (" ", "", "no license", ""),
    ],
)
def test_find_rejects_other_licenses_with_the_name_as_detail(code, name, reason, detail):
    with pytest.raises(ImageError) as caught:
        licenses.find(code, name)
    assert (caught.value.reason, caught.value.detail) == (reason, detail)
    assert not licenses.is_code(name)


FREE = [
    *("cc0", "pd", "pd-old", "public-domain", "no-restrictions", "cc-by-4.0", "cc-by-sa-3.0", "cc-sa-1.0", "gfdl"),
    *("fal", "attribution", "copyrighted-free-use", "ogl", "kogl-1", "godl", "dl-de-by-2.0", "dl-de-zero-2.0"),
    *("etalab", "mit", "apache-2.0"),
]


@pytest.mark.parametrize("name", FREE)
@pytest.mark.parametrize("rest", ["se", "-only-here", " but ask me first", "-5", ", no resale", "\nAll rights mine"])
def test_free_license_with_an_addition_is_not_free(name, rest):
    """A pattern without an end lets "false" pass as fal."""
    assert licenses.find(name).free
    with pytest.raises(ImageError):
        licenses.find(name + rest)


@pytest.mark.parametrize(
    "name", ["false", "falsified", "not public domain", "CC BY 9.9", "CC BY 4.0 personal", "x" * 999]
)
def test_similar_names_are_not_free(name):
    with pytest.raises(ImageError) as caught:
        licenses.find(name)
    assert len(caught.value.detail) <= 200
