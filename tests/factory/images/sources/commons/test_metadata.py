"""Conversion of the API's pages to image metadata."""

import hashlib

import pytest

from factory.images.license_rule import judged
from tests.helpers.servers.commons_server import File, small_image
from tests.helpers.servers.commons_source import info_of


def test_read_returns_everything_needed_for_citation():
    file = File(title="Himeji castle.jpg", categories=("Himeji Castle", "Castles"))
    info = info_of(file)
    attribution, original = info.attribution, info.original
    assert (attribution.author, attribution.author_url) == (
        "A. Photographer",
        "https://commons.wikimedia.org/wiki/User:A",
    )
    assert (attribution.license, attribution.license_code) == ("CC BY-SA 4.0", "cc-by-sa-4.0")
    assert attribution.license_url == "https://creativecommons.org/licenses/by-sa/4.0"
    assert attribution.page == "https://commons.wikimedia.org/wiki/File:Himeji_castle.jpg"
    assert (attribution.credit, info.date, info.categories) == ("Own work", "2019-05-01", file.categories)
    assert (original.width, original.height, original.mime, original.mediatype) == (1600, 1200, "image/jpeg", "BITMAP")
    assert original.sha1 == hashlib.sha1(small_image(file, 1600)).hexdigest()
    assert original.url.endswith("/Himeji_castle.jpg") and "utm" not in original.url + original.thumbnail_url
    assert info.refused is None


def test_requested_attribution_is_kept_beside_the_author():
    attribution = info_of(File(title="A.jpg", metadata={"Attribution": "<b>City</b> of&nbsp;Hue"})).attribution
    assert (attribution.requested, attribution.author) == ("City of Hue", "A. Photographer")


@pytest.mark.parametrize(
    ("code", "name", "reason"),
    [
        ("cc-by-nc-2.0", "CC BY-NC 2.0", "non-free license"),
        ("cc-by-sa-4.0", "CC BY-NC-SA 4.0", "non-free license"),
        ("attribution", "Attribution - personal use only", "non-free license"),
        ("", "KOGL Type 3", "unknown license"),
        ("", "", "no license"),
        ("", "<a href='/wiki/CC0'>CC0</a>", "None"),
    ],
)
def test_both_names_of_the_license_count(code, name, reason):
    assert str(judged(info_of(File(title="A.jpg", license=code, license_name=name))).refused) == reason


def test_hidden_author_does_not_count():
    no_author = {"Artist": "<span style='display:none'>x</span>"}
    assert "no author" in str(judged(info_of(File(title="A.jpg", metadata=no_author))).refused)
