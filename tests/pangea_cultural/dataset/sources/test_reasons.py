"""Reasons that two modules name."""

from pangea_cultural.dataset.sources import reasons
from pangea_cultural.utils import images


def test_missing_image_has_one_reason():
    assert reasons.IMAGE_MISSING == images.MISSING
