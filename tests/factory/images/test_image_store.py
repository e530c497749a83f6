import concurrent.futures
import io
import random

import pytest
from PIL import Image

from factory.images.image_store import store_image
from pangea_cultural.errors import ImageError
from tests.helpers.servers.http_faults import png_bomb


def encoded(format, size=(400, 300), color=(9, 99, 199), **options):
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, format, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "suffix"),
    [(encoded("PNG"), ".png"), (encoded("JPEG"), ".jpg"), (encoded("WEBP"), ".webp")],
    ids=["PNG", "JPEG", "WEBP"],
)
def test_content_decides_the_suffix(tmp_path, content, suffix):
    stored = store_image(content, tmp_path)
    assert stored.path == f"{stored.image[:2]}/{stored.image}{suffix}"
    assert (stored.width, stored.height) == (400, 300)
    assert (tmp_path / stored.path).read_bytes() == content


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (encoded("GIF"), "not a readable image"),
        (encoded("JPEG")[:-300], "not a readable image"),
        (png_bomb(11_000), "too many pixels"),
    ],
    ids=["GIF", "truncated", "bomb"],
)
def test_unusable_image_is_not_stored(tmp_path, content, reason):
    with pytest.raises(ImageError, match=reason):
        store_image(content, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_threads_store_each_image_once(tmp_path):
    contents = [encoded("PNG", size=(20 + n % 7, 20), color=(n, 0, 0)) for n in range(100)]
    shuffled = random.Random(0).sample(contents * 3, 300)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        stored = set(pool.map(lambda content: store_image(content, tmp_path), shuffled))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {str(path.relative_to(tmp_path)) for path in files} == {each.path for each in stored}
    assert len(files) == 100
    (tmp_path / "plain").touch()
    assert {path.stat().st_mode for path in files} == {(tmp_path / "plain").stat().st_mode}
