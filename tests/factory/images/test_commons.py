"""Commons as an image source: what is asked of its API, what is taken of its answers, and what is fetched."""

import contextlib
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from factory.images import licenses
from factory.images.base import ImageInfo
from factory.images.sources.commons import thumbnails
from factory.images.sources.commons.html_text import plain
from factory.images.sources.commons.photo_rules import Rules
from factory.images.sources.commons.source import Commons
from factory.images.titles import is_valid, normalized
from factory.net.client import Client
from factory.net.retry import RetryPolicy
from pangea_cultural.errors import UserError
from tests.helpers.commons_server import CommonsServer, File, small_image

QUICK = RetryPolicy(base_s=0.001, max_backoff_s=0.01, stall_s=0.3, min_speed_after_s=0.2, total_s=5)


@contextlib.contextmanager
def commons(server, *, retry=QUICK, width=960, limits=None, **rules):
    with Client(private_hosts=server.hosts, retry=retry, limits=limits) as client:
        yield Commons(client=client, api=server.api, width=width, rules=Rules(**rules))


def info_of(file, **rules):
    with CommonsServer([file]) as server, commons(server, **rules) as source:
        return source.metadata([file.title])[file.title]


def fetched(file, *faults, width=960, **rules):
    """What comes of a file, and the paths that were asked for it."""
    with CommonsServer([file], faults={file.title: list(faults)}) as server:
        with commons(server, width=width, **rules) as source:
            ((info, content),) = source.fetch(list(source.metadata([file.title]).values()))
        return info, content, [path.rpartition("/")[2] for path in server.paths(server.file_port)]


# Metadata


def test_a_file_is_told_with_all_that_is_needed_to_cite_it():
    file = File(title="Himeji castle.jpg", categories=("Himeji Castle", "Castles"))
    info = info_of(file)
    assert (info.author, info.author_url) == ("A. Photographer", "https://commons.wikimedia.org/wiki/User:A")
    assert (info.license, info.license_code) == ("CC BY-SA 4.0", "cc-by-sa-4.0")
    assert info.license_url == "https://creativecommons.org/licenses/by-sa/4.0"
    assert info.page == "https://commons.wikimedia.org/wiki/File:Himeji_castle.jpg"
    assert (info.credit, info.date, info.categories) == ("Own work", "2019-05-01", file.categories)
    assert (info.width, info.height, info.mime, info.mediatype) == (1600, 1200, "image/jpeg", "BITMAP")
    assert info.sha1 == hashlib.sha1(small_image(file, 1600)).hexdigest()
    assert info.url.endswith("/Himeji_castle.jpg") and "utm" not in info.url + info.thumbnail
    assert info.refused is None


def test_attribution_stands_beside_the_author():
    info = info_of(File(title="A.jpg", metadata={"Attribution": "<b>City</b> of&nbsp;Hue"}))
    assert (info.attribution, info.author) == ("City of Hue", "A. Photographer")


def test_titles_are_asked_fifty_at_a_time():
    files = [File(title=f"{n}.jpg") for n in range(120)]
    with CommonsServer(files) as server, commons(server) as source:
        found = source.metadata([file.title for file in files])
        assert list(found) == [file.title for file in files]
        assert len(server.requests) == 3


def test_long_titles_are_sent_by_post():
    files = [File(title=f"{'寺' * 70} {n}.jpg") for n in range(50)]
    with CommonsServer(files) as server, commons(server) as source:
        assert len(source.metadata([file.title for file in files])) == 50
        assert server.paths() == ["/w/api.php"]


def test_answers_are_joined_to_the_titles_asked_through_normalization_and_redirects():
    redirects = {"Old name.jpg": "New name.jpg"}
    with CommonsServer([File(title="New name.jpg")], redirects=redirects) as server, commons(server) as source:
        found = source.metadata(["File:old_name.jpg", "new name.jpg", "Missing.jpg", "a|b.jpg", ""])
    assert {asked: info.title for asked, info in found.items()} == {
        "File:old_name.jpg": "New name.jpg",
        "new name.jpg": "New name.jpg",
    }


def test_older_versions_are_not_more_files():
    with CommonsServer([File(title="A.jpg", older_versions=True)]) as server, commons(server) as source:
        assert source.metadata(["A.jpg"])
        assert len(server.requests) == 1


def test_a_category_is_followed_to_the_limit():
    files = [File(title=f"{n:03}.jpg", categories=("Castles",)) for n in range(120)]
    with CommonsServer(files) as server, commons(server) as source:
        found = source.in_categories(["Castles", "Nothing"], 70)
        assert [info.title for info in found["Castles"]] == [f"{n:03}.jpg" for n in range(70)]
        assert found["Nothing"] == []
        assert len(server.requests) == 3


@pytest.mark.parametrize("fault", ["maxlag", "broken-json", "503", "reset", "html", "429"])
def test_the_api_is_asked_again_when_it_is_busy(fault):
    with CommonsServer([File(title="A.jpg")], faults={"api": [fault]}) as server, commons(server) as source:
        assert source.metadata(["A.jpg"])
        times = [when for *_, when in server.requests]
    assert times[-1] - times[0] >= (0.99 if fault in ("maxlag", "429") else 0), "Retry-After is one second"


def test_without_an_answer_of_the_api_the_build_stops_in_one_line():
    refused = pytest.raises(UserError, match=r"no answer from .*broken JSON.*Run the same command again")
    with CommonsServer(faults={"api": ["broken-json!"]}) as server, commons(server) as source, refused:
        source.metadata(["A.jpg"])


# What is taken


@pytest.mark.parametrize(
    ("code", "name", "ours"),
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
def test_free_licenses_have_one_name(code, name, ours):
    assert licenses.find(code, name).code == ours


@pytest.mark.parametrize(
    ("code", "name", "reason"),
    [
        ("cc-by-nc-2.0", "CC BY-NC 2.0", "non-free license: CC BY-NC 2.0"),
        ("", "CC BY-NC-ND 4.0", "non-free license: CC BY-NC-ND 4.0"),
        ("cc-by-sa-4.0", "CC BY-NC-SA 4.0", "non-free license: CC BY-NC-SA 4.0"),
        ("", "Fair use", "non-free license: Fair use"),
        ("", "KOGL Type 3", "unknown license: KOGL Type 3"),
        ("", "cc-by-sa", "unknown license: cc-by-sa"),
        ("", "", "no license"),
    ],
)
def test_other_licenses_are_refused_by_name(code, name, reason):
    assert str(info_of(File(title="A.jpg", license=code, license_name=name)).refused) == reason


def test_a_license_that_asks_for_the_author_needs_one():
    nobody = {"Artist": "<span style='display:none'>x</span>"}
    assert "no author" in str(info_of(File(title="A.jpg", metadata=nobody)).refused)
    free = File(title="A.jpg", metadata=nobody, license="cc0", license_name="CC0")
    assert info_of(free).refused is None


@pytest.mark.parametrize(
    ("mime", "mediatype", "reason"),
    [
        ("image/svg+xml", "DRAWING", "no photo: SVG (a drawing; the recipe does not allow drawings)"),
        ("image/gif", "BITMAP", "no photo: GIF (an animation, or a drawing of few colors)"),
        ("application/pdf", "OFFICE", "no photo: PDF (a document)"),
        ("image/vnd.djvu", "BITMAP", "no photo: DjVu (a scanned document)"),
        ("video/webm", "VIDEO", "no photo: video"),
        ("audio/mpeg", "AUDIO", "no photo: audio"),
        ("image/jpeg", "DRAWING", "no photo: drawing"),
        ("text/plain", "TEXT", "no photo: text/plain"),
    ],
)
def test_other_media_are_refused_by_name(mime, mediatype, reason):
    assert str(info_of(File(title="A.x", mime=mime, mediatype=mediatype)).refused) == reason


def test_small_files_are_refused_and_the_recipe_says_what_is_small():
    file = File(title="A.jpg", width=900, height=399)
    assert str(info_of(file).refused) == "a side under 400 px"
    assert info_of(file).refused.detail == "900 × 399"
    assert info_of(file, min_side_px=300).refused is None


@pytest.mark.parametrize(
    ("title", "word"),
    [("Map of Himeji.jpg", "map"), ("Himeji_COA.png", "coa"), ("Wappen Bonn.jpg", "wappen"), ("Site-map2.png", "map")],
)
def test_names_in_categories_tell_maps_and_arms(title, word):
    name = normalized(title)
    with CommonsServer([File(title=name, categories=("X",))]) as server, commons(server) as source:
        assert str(source.in_categories(["X"], 5)["X"][0].refused) == f"no photo by its name: {word}"
        assert source.metadata([name])[name].refused is None, "a photo property was filled in by people"


@pytest.mark.parametrize("title", ["Mapuche woman.jpg", "Flagstaff.jpg", "Planetarium.jpg", "Sealand.jpg"])
def test_names_that_only_begin_like_maps_are_photos(title):
    with CommonsServer([File(title=title, categories=("X",))]) as server, commons(server) as source:
        assert source.in_categories(["X"], 5)["X"][0].refused is None


def test_banners_in_categories_are_told_by_their_shape():
    file = File(title="A.jpg", width=4200, height=600, categories=("X",))
    with CommonsServer([file]) as server, commons(server) as source:
        assert str(source.in_categories(["X"], 5)["X"][0].refused) == "no photo by its shape: banner"


# What is fetched


def test_a_thumbnail_of_the_width_is_fetched_and_told_as_a_change():
    file = File(title="A.jpg")
    info, content, paths = fetched(file)
    assert (content, paths, info.changes) == (small_image(file, 960), ["960px-A.jpg"], "thumbnail 960 px")


def test_a_file_that_is_not_wider_is_fetched_as_it_is():
    info, content, paths = fetched(File(title="A.jpg", width=960))
    assert (paths, info.changes) == (["A.jpg"], "")
    assert isinstance(content, bytes)


def test_the_recipe_chooses_the_width():
    assert fetched(File(title="A.jpg"), width=500)[2] == ["500px-A.jpg"]


@pytest.mark.parametrize("fault", ["404", "no-thumbnail"])
def test_a_missing_thumbnail_is_tried_smaller(fault):
    info, content, paths = fetched(File(title="A.jpg"), fault)
    assert paths == ["960px-A.jpg", "500px-A.jpg"]
    assert info.changes == "thumbnail 500 px" and isinstance(content, bytes)


def test_without_thumbnails_the_original_is_fetched_unless_it_is_large():
    assert fetched(File(title="A.jpg"), "404", "no-thumbnail")[2] == ["960px-A.jpg", "500px-A.jpg", "A.jpg"]
    _, problem, paths = fetched(File(title="A.jpg", size_bytes=16_000_000), "404", "no-thumbnail")
    assert len(paths) == 2
    assert (str(problem), "960px-A.jpg" in problem.detail) == ("HTTP 404", True)


def test_a_fault_of_the_file_is_not_tried_smaller():
    _, problem, paths = fetched(File(title="A.jpg"), "huge!")
    assert (str(problem), paths) == ("file too large", ["960px-A.jpg"])


def test_an_original_is_checked_by_its_sha1():
    _, problem, paths = fetched(File(title="A.jpg", width=800), "garbage!")
    assert str(problem) == "content differs from its SHA-1"
    assert paths == ["A.jpg"] * 6


def test_drawings_come_as_png_and_tiffs_as_jpeg():
    svg = File(title="A.svg", mime="image/svg+xml", mediatype="DRAWING", width=100, height=80)
    assert fetched(svg, drawings=True)[2] == ["960px-A.svg.png"]
    info, _, paths = fetched(File(title="A.tif", mime="image/tiff", width=900))
    assert (paths, info.changes) == (["lossy-page1-500px-A.tif.jpg"], "thumbnail 500 px, JPEG of a TIFF")


def test_what_is_refused_is_not_fetched():
    _, problem, paths = fetched(File(title="A.jpg", license="cc-by-nc-2.0"))
    assert str(problem).startswith("non-free license") and paths == []


def test_one_in_ten_requests_fails_and_no_image_is_lost():
    files = [File(title=f"{n}.jpg") for n in range(300)]
    with CommonsServer(files, fault_share=0.1, seed=3) as server, commons(server) as source:
        server.retry_after_s = 0
        found = list(source.fetch(list(source.metadata([file.title for file in files]).values())))
        assert len(server.requests) > 320, "faults did happen"
    assert {info.title: content for info, content in found} == {f.title: small_image(f, 960) for f in files}


# Small parts


@given(st.text())
def test_normalizing_a_title_twice_changes_nothing(title):
    once = normalized(title)
    assert normalized(once) == once or ":" in once  # "File:File:A" names the file "File:A"


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("File:himeji_castle  1.jpg", "Himeji castle 1.jpg"),
        ("Cafe\u0301.jpg", "Café.jpg"),
        ("image: a.jpg\u200e", "A.jpg"),
        ("ßharp.jpg", "ßharp.jpg"),
    ],
)
def test_titles_are_written_as_commons_writes_them(title, expected):
    assert normalized(title) == expected


def test_titles_that_would_break_a_batch_are_no_titles():
    assert not any(map(is_valid, ["", "a|b.jpg", "a#b.jpg", "a\nb.jpg", "ø" * 121]))
    assert is_valid("Hồ Gươm, 1884 (Hà Nội).jpg")


@pytest.mark.parametrize(
    ("html", "text", "url"),
    [
        ("plain  text", "plain text", ""),
        ('<a href="//x.org/u">A &amp; B</a>, <i>C</i>', "A & B, C", "https://x.org/u"),
        ('<a href="/wiki/User:A">A</a><br>B', "A B", "https://commons.wikimedia.org/wiki/User:A"),
        ('<span style="display: none">hidden</span>seen', "seen", ""),
        ('<a href="javascript:alert(1)">A</a>', "A", ""),
        ("<table><tr><td>A</td><td>B</td></tr></table>", "A B", ""),
        ("a < b", "a < b", ""),
        ("A<!-- note -->B<script>alert(1)</script> C", "AB C", ""),
        ("<a>A</a> \0", "A", ""),
    ],
)
def test_markup_becomes_text_and_a_link(html, text, url):
    assert plain(html) == (text, url)


@given(st.integers(1, 10_000), st.sampled_from(thumbnails.STEPS), st.sampled_from(["photo", "thumbnail"]))
def test_thumbnails_are_of_standard_widths_and_never_wider_than_the_original(own_width, width, form):
    root = "https://upload.wikimedia.org/wikipedia/commons"
    info = ImageInfo(
        title="A.jpg",
        author="",
        license="",
        license_url="",
        source="",
        categories=(),
        url=f"{root}/a/ab/A.jpg",
        thumbnail=f"https://thumb.wikimedia.org/wikipedia/commons/thumb/a/ab/A.jpg/{own_width}px-A.jpg",
        width=own_width,
        height=500,
    )
    for copy in thumbnails.copies(info, form, width):
        if copy.changes:
            made = int(copy.url.rpartition("/")[2].partition("px-")[0])
            assert made in thumbnails.STEPS and made <= width and made < own_width
            assert URL(copy.url).host == "thumb.wikimedia.org"
        else:
            assert form == "photo" and copy.url == info.url
