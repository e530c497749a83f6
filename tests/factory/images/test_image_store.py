import concurrent.futures
import io
import random
import subprocess
import sys

import pytest
from PIL import Image

from factory.images.base import BadImageError
from factory.images.image_store import check_image, store_image
from tests.helpers.http_faults import png_bomb


def encoded(kind, size=(400, 300), color=(9, 99, 199), **options):
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(("kind", "suffix"), [("PNG", ".png"), ("JPEG", ".jpg"), ("WEBP", ".webp")])
def test_the_format_is_told_by_the_content(kind, suffix):
    assert check_image(encoded(kind)) == (suffix, 400, 300)


def test_a_photo_with_a_second_image_behind_it_is_a_jpeg():
    both = encoded("MPO", save_all=True, append_images=[Image.new("RGB", (400, 300))])
    assert check_image(both) == (".jpg", 400, 300)


@pytest.mark.parametrize("content", [b"", b"no image", encoded("GIF"), encoded("JPEG")[:-300], encoded("PNG")[:60]])
def test_what_cannot_be_read_is_no_image(content):
    with pytest.raises(BadImageError, match="not a readable image"):
        check_image(content)


MEMORY = """
import resource
from factory.images.base import BadImageError
from factory.images.image_store import check_image
from tests.helpers.http_faults import png_bomb
bomb = png_bomb()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    check_image(bomb)
except BadImageError as error:
    print(error, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before, sep="|")
"""


def test_a_bomb_is_refused_before_it_is_unpacked():
    assert len(png_bomb()) < 200_000
    result = subprocess.run([sys.executable, "-c", MEMORY], capture_output=True, text=True, check=True)
    reason, kilobytes = result.stdout.split("|")
    assert reason == "too many pixels"
    assert int(kilobytes) < 50_000, "unpacked it would be 900 MB"


def test_the_limit_of_pixels_is_ours_not_pillows():
    with pytest.raises(BadImageError, match="too many pixels") as caught:
        check_image(png_bomb(8_000))
    assert caught.value.detail == "8000 × 8000"


def test_many_threads_store_what_one_would(tmp_path):
    contents = [encoded("PNG", size=(20 + n % 7, 20), color=(n, 0, 0)) for n in range(100)]
    shuffled = random.Random(0).sample(contents * 3, 300)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        stored = set(pool.map(lambda content: store_image(content, tmp_path), shuffled))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {str(path.relative_to(tmp_path)) for path in files} == {each.path for each in stored}
    assert len(files) == 100
    (tmp_path / "plain").touch()
    assert {path.stat().st_mode for path in files} == {(tmp_path / "plain").stat().st_mode}
