"""Sizes of images: measured once for each content, and fixed for a run."""

import os
from types import SimpleNamespace

import pytest
from PIL import Image

from pangea_cultural.errors import UserError
from pangea_cultural.training.batching import image_sizes
from pangea_cultural.training.batching.image_sizes import FrozenSizes
from pangea_cultural.utils.console import Reporter

QUIET = Reporter(quiet=True)


@pytest.fixture
def corpus(tmp_path):
    """A source of three images."""
    paths = [tmp_path / f"{number}.bmp" for number in range(3)]
    for path in paths:
        Image.new("RGB", (20, 10)).save(path)
    return SimpleNamespace(num_groups=3, paths=lambda group: (paths[group],), files=paths)


def measure(corpus):
    return image_sizes.measure(corpus, corpus.files[0].with_name("cache.npy"), QUIET)


def paint(path, size, time=None):
    Image.new("RGB", size).save(path)
    if time:
        os.utime(path, ns=(time, time))


def test_only_changed_images_are_measured_again(corpus, monkeypatch):
    first, _, last = corpus.files
    assert set(measure(corpus).readable.values()) == {(10, 20)}
    times = [path.stat().st_mtime_ns for path in corpus.files]
    paint(first, (10, 20), times[0] + 1)  # as large, at another time
    paint(last, (30, 20), times[2])  # another size at the same time
    read, read_size = [], image_sizes.read_size
    monkeypatch.setattr(image_sizes, "read_size", lambda path: read.append(path) or read_size(path))
    assert [*measure(corpus).readable.values()] == [(20, 10), (10, 20), (20, 30)]
    assert sorted(read) == [first, last]
    read.clear()
    first.unlink()
    assert [*measure(corpus).readable.values()] == [(10, 20), (20, 30)] and read == [first]
    assert measure(corpus).problems == {str(first): "image missing"}


def test_changed_image_is_refused_on_resume(corpus, tmp_path):
    frozen = FrozenSizes(tmp_path)
    frozen.apply(0, measure(corpus))
    paint(corpus.files[1], (10, 20))
    with pytest.raises(
        UserError, match=r"1 images have changed .* such as \S+/1\.bmp\. Restore them, or rerun with --r"
    ):
        frozen.apply(0, measure(corpus))


def test_images_are_on_resume_as_they_were(corpus, tmp_path):
    """A copy with another time is accepted, a repaired image stays excluded, a missing one keeps its place."""
    copied, repaired, missing = corpus.files
    repaired.write_bytes(b"no image")
    frozen = FrozenSizes(tmp_path)
    first = frozen.apply(0, measure(corpus))
    paint(copied, (20, 10), 1_700_000_000_000_000_000)
    paint(repaired, (20, 10))
    missing.unlink()
    again = frozen.apply(0, measure(corpus))
    assert again.readable == first.readable == {copied: (10, 20), missing: (10, 20)}
    assert again.problems == first.problems == {str(repaired): "not a readable image"}
