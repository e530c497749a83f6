"""Licenses of images."""

import pytest

from factory.images import licenses
from pangea_cultural.errors import ImageError


@pytest.mark.parametrize(
    ("code", "name", "expected"),
    [
        ("cc-by-sa-4.0", "CC BY-SA 4.0", "cc-by-sa-4.0"),
        ("", "CC BY-SA 3.0 de", "cc-by-sa-3.0"),
        ("cc-by-sa-3.0,2.5,2.0,1.0", "CC BY-SA 3.0", "cc-by-sa-3.0"),
        ("cc-by-2.0", "", "cc-by-2.0"),
        ("cc0", "CC0", "cc0-1.0"),
        ("pd", "Public domain", "public-domain"),
        ("pd-old-100", "Public domain", "public-domain"),
        ("", "GFDL 1.2", "gfdl"),
        ("", "KOGL Type 1", "kogl-1"),
        ("attribution", "Attribution", "attribution"),
    ],
)
def test_find_returns_one_code_per_free_license(code, name, expected):
    assert licenses.find(code, name).code == expected


@pytest.mark.parametrize(
    ("code", "name", "reason"),
    [
        ("cc-by-sa-4.0", "CC BY-NC-SA 4.0", "non-free license: CC BY-NC-SA 4.0"),
        ("", "KOGL Type 3", "unknown license: KOGL Type 3"),
        (" ", "", "no license"),
    ],
)
def test_find_rejects_other_licenses_by_name(code, name, reason):
    with pytest.raises(ImageError) as caught:
        licenses.find(code, name)
    assert caught.value.reason == reason
    assert licenses.code_of(name) == ""
