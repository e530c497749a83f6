"""Commons as an image source: API requests and downloads."""

import pytest

from pangea_cultural.errors import UserError
from tests.helpers.servers.commons_server import CommonsServer, File, small_image
from tests.helpers.servers.commons_source import fetched, open_commons


def test_metadata_requests_fifty_titles_per_call():
    files = [File(title=f"{n}.jpg") for n in range(120)]
    with CommonsServer(files) as server, open_commons(server) as source:
        found = source.metadata([file.title for file in files])
        assert list(found) == [file.title for file in files]
        assert len(server.requests) == 3


def test_long_titles_are_sent_by_post():
    files = [File(title=f"{'寺' * 70} {n}.jpg") for n in range(50)]
    with CommonsServer(files) as server, open_commons(server) as source:
        assert len(source.metadata([file.title for file in files])) == 50
        assert server.paths() == ["/w/api.php"]


def test_metadata_follows_normalization_and_redirects():
    redirects = {"Old name.jpg": "New name.jpg"}
    with CommonsServer([File(title="New name.jpg")], redirects=redirects) as server, open_commons(server) as source:
        found = source.metadata(["File:old_name.jpg", "new name.jpg", "Missing.jpg", "a|b.jpg", ""])
    assert {asked: info.title for asked, info in found.items()} == {
        "File:old_name.jpg": "New name.jpg",
        "new name.jpg": "New name.jpg",
    }


def test_older_versions_are_not_requested():
    with CommonsServer([File(title="A.jpg", older_versions=True)]) as server, open_commons(server) as source:
        assert source.metadata(["A.jpg"])
        assert len(server.requests) == 1


def test_category_is_read_to_the_limit():
    files = [File(title=f"{n:03}.jpg", categories=("Castles",)) for n in range(120)]
    with CommonsServer(files) as server, open_commons(server) as source:
        found = source.in_categories(["Castles", "Nothing"], 70)
        assert [info.title for info in found["Castles"]] == [f"{n:03}.jpg" for n in range(70)]
        assert found["Nothing"] == []
        assert len(server.requests) == 3


@pytest.mark.parametrize("fault", ["maxlag", "broken-json", "503", "reset", "html", "429"])
def test_busy_api_is_retried(fault):
    with CommonsServer([File(title="A.jpg")], faults={"api": [fault]}) as server, open_commons(server) as source:
        assert source.metadata(["A.jpg"])
        times = [when for *_, when in server.requests]
    assert times[-1] - times[0] >= (0.99 if fault in ("maxlag", "429") else 0), "Retry-After is one second"


def test_missing_api_answer_is_a_user_error():
    refused = pytest.raises(UserError, match=r"No answer from .*broken JSON.*Run the same command again")
    with CommonsServer(faults={"api": ["broken-json!"]}) as server, open_commons(server) as source, refused:
        source.metadata(["A.jpg"])


def test_fetch_records_the_thumbnail_as_a_change():
    file = File(title="A.jpg")
    info, content, paths = fetched(file)
    assert (content, paths, info.changes) == (small_image(file, 960), ["960px-A.jpg"], "thumbnail 960 px")


def test_narrow_file_is_fetched_as_original():
    info, content, paths = fetched(File(title="A.jpg", width=960))
    assert (paths, info.changes) == (["A.jpg"], "")
    assert isinstance(content, bytes)


def test_fetch_uses_the_configured_width():
    assert fetched(File(title="A.jpg"), width=500)[2] == ["500px-A.jpg"]


@pytest.mark.parametrize("fault", ["404", "no-thumbnail"])
def test_missing_thumbnail_is_retried_smaller(fault):
    info, content, paths = fetched(File(title="A.jpg"), fault)
    assert paths == ["960px-A.jpg", "500px-A.jpg"]
    assert info.changes == "thumbnail 500 px" and isinstance(content, bytes)


def test_small_original_replaces_missing_thumbnails():
    assert fetched(File(title="A.jpg"), "404", "no-thumbnail")[2] == ["960px-A.jpg", "500px-A.jpg", "A.jpg"]
    _, problem, paths = fetched(File(title="A.jpg", size_bytes=16_000_000), "404", "no-thumbnail")
    assert len(paths) == 2
    assert (str(problem), "960px-A.jpg" in problem.detail) == ("HTTP 404", True)


def test_too_large_file_is_not_retried_smaller():
    _, problem, paths = fetched(File(title="A.jpg"), "huge!")
    assert (str(problem), paths) == ("file too large", ["960px-A.jpg"])


def test_original_is_verified_by_sha1():
    _, problem, paths = fetched(File(title="A.jpg", width=800), "garbage!")
    assert str(problem) == "content differs from its SHA-1"
    assert paths == ["A.jpg"] * 6


def test_svg_is_fetched_as_png_and_tiff_as_jpeg():
    svg = File(title="A.svg", mime="image/svg+xml", mediatype="DRAWING", width=100, height=80)
    assert fetched(svg, drawings=True)[2] == ["960px-A.svg.png"]
    info, _, paths = fetched(File(title="A.tif", mime="image/tiff", width=900))
    assert (paths, info.changes) == (["lossy-page1-500px-A.tif.jpg"], "thumbnail 500 px, JPEG of a TIFF")


def test_refused_file_is_not_fetched():
    _, problem, paths = fetched(File(title="A.gif", mime="image/gif"))
    assert str(problem).startswith("no photo: GIF") and paths == []


def test_transient_faults_lose_no_image():
    files = [File(title=f"{n}.jpg") for n in range(300)]
    with CommonsServer(files, fault_share=0.1, seed=3) as server, open_commons(server) as source:
        server.retry_after_s = 0
        found = list(source.fetch(list(source.metadata([file.title for file in files]).values())))
        assert len(server.requests) > 320, "faults did happen"
    assert {info.title: content for info, content in found} == {f.title: small_image(f, 960) for f in files}
