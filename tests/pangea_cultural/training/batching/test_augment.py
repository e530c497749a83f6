"""Image augmentation: equal seeds give equal changes, in all versions."""

import pytest
import torch

from pangea_cultural.training.batching.augment import Augmentation

PIXELS = torch.arange(27.0).reshape(3, 3, 3)


def test_color_jitter_is_the_same_in_all_versions():
    """A training that an older version started must resume with the same images."""
    augmentation = Augmentation("0 main")
    ones = torch.ones(3, 1, 1)
    assert augmentation.color_jitter(ones, 0).flatten().tolist() == pytest.approx([0.919648, 0.939564, 1.090089])
    assert augmentation.color_jitter(ones, 1).flatten().tolist() == pytest.approx([1.109881, 1.110138, 1.379198])


def test_affine_is_the_same_in_all_versions():
    """A training that an older version started must resume with the same images."""
    expected = [0.110485, 1.112818, 2.129730, 2.721802, 3.949310, 5.136727, 5.693372, 6.881248, 7.965033]
    changed = Augmentation("0 main").affine(torch.stack([PIXELS, PIXELS]), [0, 1])
    assert changed[0, 0].flatten().tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("change", ["color_jitter", "affine"])
def test_change_depends_on_name_and_number_only(change):
    def changed(name, number):
        augmentation = Augmentation(name)
        if change == "affine":
            return augmentation.affine(PIXELS[None], [number])
        return augmentation.color_jitter(PIXELS, number)

    assert torch.equal(changed("0 main", 5), changed("0 main", 5))
    assert not torch.equal(changed("0 main", 5), changed("0 main", 6))
    assert not torch.equal(changed("0 main", 5), changed("1 main", 5))


def test_color_jitter_changes_all_tiles_of_an_image_equally():
    tiles = PIXELS.expand(2, 3, 3, 3)
    first, second = Augmentation("0 main").color_jitter(tiles, 3)
    assert torch.equal(first, second)


def test_affine_of_an_image_does_not_depend_on_the_others():
    """Steps are cut into micro-batches, whose size may change on resume."""
    augmentation = Augmentation("0 main")
    images = torch.rand(5, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    together = augmentation.affine(images, range(5))
    for number, image in enumerate(images):
        assert torch.equal(together[number], augmentation.affine(image[None], [number])[0])
