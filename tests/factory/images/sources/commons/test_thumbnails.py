"""URLs of thumbnails."""

from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from factory.images.base import THUMBNAIL_WIDTHS, Attribution, ImageInfo, OriginalFile
from factory.images.sources.commons import thumbnails


@given(st.integers(1, 10_000), st.sampled_from(THUMBNAIL_WIDTHS), st.sampled_from(["photo", "thumbnail"]))
def test_thumbnails_have_standard_widths_below_the_original(original_width, width, fetch_as):
    root = "https://upload.wikimedia.org/wikipedia/commons"
    info = ImageInfo(
        title="A.jpg",
        attribution=Attribution(author="", license="", license_url="", source=""),
        original=OriginalFile(
            url=f"{root}/a/ab/A.jpg",
            thumbnail_url=f"https://thumb.wikimedia.org/wikipedia/commons/thumb/a/ab/A.jpg/{original_width}px-A.jpg",
            width=original_width,
            height=500,
        ),
        categories=(),
    )
    for copy in thumbnails.copies(info, fetch_as, width):
        if copy.changes:
            step = int(copy.url.rpartition("/")[2].partition("px-")[0])
            assert step in THUMBNAIL_WIDTHS and step <= width and step < original_width
            assert URL(copy.url).host == "thumb.wikimedia.org"
        else:
            assert fetch_as == "photo" and copy.url == info.original.url
