"""Rules that decide which files can be photos."""

import pytest

from pangea_cultural.dataset.titles import normalized
from tests.helpers.servers.commons_server import CommonsServer, File
from tests.helpers.servers.commons_source import info_of, open_commons


@pytest.mark.parametrize(
    ("mime", "mediatype", "reason"),
    [
        ("image/svg+xml", "DRAWING", "no photo: SVG (a drawing; the recipe does not allow drawings)"),
        ("image/gif", "BITMAP", "no photo: GIF (an animation, or a drawing of few colors)"),
        ("application/pdf", "OFFICE", "no photo: PDF (a document)"),
        ("image/vnd.djvu", "BITMAP", "no photo: DjVu (a scanned document)"),
        ("video/webm", "VIDEO", "no photo: video"),
        ("audio/mpeg", "AUDIO", "no photo: audio"),
        ("image/jpeg", "DRAWING", "no photo: other type"),
        ("text/plain", "TEXT", "no photo: other type"),
    ],
)
def test_other_media_types_are_refused_by_name(mime, mediatype, reason):
    assert str(info_of(File(title="A.x", mime=mime, mediatype=mediatype)).refused) == reason


def test_file_below_min_side_px_is_refused():
    file = File(title="A.jpg", width=900, height=399)
    assert str(info_of(file).refused) == "a side under 400 px"
    assert info_of(file).refused.detail == "900 × 399"
    assert info_of(file, min_side_px=300).refused is None


@pytest.mark.parametrize(
    ("title", "word"),
    [("Map of Himeji.jpg", "map"), ("Himeji_COA.png", "coa"), ("Wappen Bonn.jpg", "wappen"), ("Site-map2.png", "map")],
)
def test_maps_and_arms_in_categories_are_refused_by_title(title, word):
    name = normalized(title)
    with CommonsServer([File(title=name, categories=("X",))]) as server, open_commons(server) as source:
        assert str(source.in_categories(["X"], 5)["X"][0].refused) == f"no photo by its name: {word}"
        assert source.metadata([name])[name].refused is None, "a photo property was filled in by people"


@pytest.mark.parametrize("title", ["Mapuche woman.jpg", "Flagstaff.jpg", "Planetarium.jpg", "Sealand.jpg"])
def test_stop_word_matches_whole_words_only(title):
    with CommonsServer([File(title=title, categories=("X",))]) as server, open_commons(server) as source:
        assert source.in_categories(["X"], 5)["X"][0].refused is None


def test_banners_in_categories_are_refused_by_shape():
    file = File(title="A.jpg", width=4200, height=600, categories=("X",))
    with CommonsServer([file]) as server, open_commons(server) as source:
        assert str(source.in_categories(["X"], 5)["X"][0].refused) == "no photo by its shape: banner"
