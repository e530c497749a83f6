"""Image augmentation with per-image seeds."""

import math
from collections.abc import Sequence

import torch

from pangea_cultural.utils.sampling import hash_seed

GAIN = 0.25
BIAS = 0.3
"""Maximum shift of normalized pixels, whose standard deviation is about 1."""
ROTATION_RADIANS = math.radians(8)
SCALE = 0.15
SHIFT = 0.12
"""Maximum shift, relative to half the width and height."""


class Augmentation:
    """Random changes that depend on a name and a chunk number only, so that a resumed training repeats them.

    Args:
        name: seed of the random numbers: seed of the recipe and name of the stage.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def color_jitter(self, pixels: torch.Tensor, number: int) -> torch.Tensor:
        """Return pixels [..., 3, height, width] with random contrast and brightness for each color channel."""
        values = self._uniform("light", number, 6)
        return pixels * (1 + GAIN * values[:3, None, None]) + BIAS * values[3:, None, None]

    def affine(self, pixels: torch.Tensor, numbers: Sequence[int]) -> torch.Tensor:
        """Return pixels [images, 3, height, width] with random rotation, scale and shift. Edges are repeated.

        Args:
            pixels: [images, 3, height, width].
            numbers: number of each image.
        """
        matrices = torch.tensor([self._affine_matrix(number) for number in numbers])
        # One call for all images: calls on single tiles spend most of their time on waking threads.
        grid = torch.nn.functional.affine_grid(matrices, list(pixels.shape), align_corners=False)
        return torch.nn.functional.grid_sample(pixels, grid, padding_mode="border", align_corners=False)

    def _affine_matrix(self, number: int) -> list[list[float]]:
        turn, scale, x, y = self._uniform("place", number, 4).tolist()
        cos, sin = math.cos(turn * ROTATION_RADIANS), math.sin(turn * ROTATION_RADIANS)
        size = 1 + scale * SCALE
        return [[cos * size, -sin * size, x * SHIFT], [sin * size, cos * size, y * SHIFT]]

    def _uniform(self, purpose: str, number: int, count: int) -> torch.Tensor:
        """Return random numbers [count], uniform in -1 to 1."""
        generator = torch.Generator().manual_seed(hash_seed(f"{self._name} {purpose} {number}", num_bytes=8) >> 1)
        return torch.rand(count, generator=generator) * 2 - 1
