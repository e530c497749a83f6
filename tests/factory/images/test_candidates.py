import pytest

from factory.images.base import Attribution, ImageInfo
from factory.images.candidates import Candidate, EntityImageCandidates
from factory.images.download import DownloadResult
from factory.images.image_store import StoredImage
from pangea_cultural.errors import ImageError


def info(title, license="CC0", refused=None):
    attribution = Attribution(author="A", license=license, license_url="", source="")
    return ImageInfo(title=title, attribution=attribution, categories=(), refused=refused)


def known(title, **options):
    return Candidate(title=title, source=0, info=info(title, **options))


def stored(image):
    return StoredImage(image=image, path=image, width=1, height=1, size_bytes=1)


def results(**images):
    """Return downloads by title: an image's hash, or None for a failure."""
    return {
        title: DownloadResult(
            info=info(title),
            outcome=stored(image) if image else ImageError("HTTP 404", title),
        )
        for title, image in images.items()
    }


def titles(candidates):
    return [candidate.title for candidate in candidates]


@pytest.fixture
def entity():
    candidates = EntityImageCandidates("Q1", 2)
    for title in "abcd":
        candidates.add(known(title), "P18")
    return candidates


def test_next_batch_fills_the_missing_images(entity):
    batch = entity.next_batch()
    assert titles(batch) == ["a", "b"]
    entity.record_results(batch, results(a="1", b=None))
    batch = entity.next_batch()
    assert titles(batch) == ["c"]
    entity.record_results(batch, results(c="2"))
    assert entity.next_batch() == []
    assert titles(entity.accepted) == ["a", "c"]
    assert entity.rejections() == [("Q1 b", "HTTP 404", "b", 1, "file")]


def test_duplicate_content_is_rejected(entity):
    entity.record_results(entity.next_batch(), results(a="1", b="1"))
    assert titles(entity.accepted) == ["a"]
    assert [row.reason for row in entity.rejections()] == ["same content as another file of the entity"]


def test_fault_that_several_files_share_is_one_rejection(entity):
    fault = DownloadResult(info=info("a"), outcome=ImageError("drawing is empty", "a.svg", subject="a.svg"))
    while batch := entity.next_batch():
        entity.record_results(batch, dict.fromkeys("abcd", fault))
    assert [row[:3] for row in entity.rejections()] == [
        ("Q1 a", "drawing is empty", "a.svg"),
        ("Q1", "no usable image", ""),
    ]


def test_file_is_a_candidate_once(entity):
    entity.add(Candidate(title="A redirect to a", source=0, info=info("a")), "category")
    assert titles(entity.next_batch()) == ["a", "b"]


def test_unusable_candidates_are_rejected_before_fetching():
    entity = EntityImageCandidates("Q1", 1)
    entity.add(Candidate(title="missing"), "P18")
    entity.add(known("refused", refused=ImageError("no photo: video")), "P18")
    assert entity.next_batch() == []
    assert [(row.item, row.reason) for row in entity.rejections()] == [
        ("Q1 missing", "image not in any source"),
        ("Q1 refused", "no photo: video"),
        ("Q1", "no usable image"),
    ]


def test_category_is_needed_while_usable_candidates_are_too_few():
    entity = EntityImageCandidates("Q1", 2)
    entity.add(known("a"), "P18")
    entity.add(Candidate(title="missing"), "P18")
    assert not entity.needs_category(), "there is no category"
    entity.categories.append("Castles")
    assert entity.needs_category()
    assert entity.pop_categories() == ["Castles"]
    assert not entity.needs_category(), "its files are candidates now"
    entity.categories.append("Towers")
    entity.add(known("b"), "category")
    assert not entity.needs_category(), "two usable candidates are enough"
