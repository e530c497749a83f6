"""Small changes to images at training time, so that a model learns what is drawn and not the very pixels."""

import math

import torch

from pangea_cultural.utils.sampling import hash_seed

GAIN = 0.25
BIAS = 0.3
"""Of normalized pixels, whose standard deviation is about one."""
TURN_RADIANS = math.radians(8)
SCALE = 0.15
SHIFT = 0.12


class Augmentation:
    """Draws that depend on a name and the image's number in the plan only: a resumed training draws alike.

    Args:
        name: seed and stage.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    def _draws(self, kind: str, number: int, count: int) -> torch.Tensor:
        """[count], uniform in -1 … 1."""
        generator = torch.Generator().manual_seed(hash_seed(f"{self._name} {kind} {number}", num_bytes=8) >> 1)
        return torch.rand(count, generator=generator) * 2 - 1

    def color_jitter(self, pixels: torch.Tensor, number: int) -> torch.Tensor:
        """Pixels [..., 3, height, width] with each color stronger or weaker, lighter or darker."""
        draws = self._draws("light", number, 6)
        return pixels * (1 + GAIN * draws[:3, None, None]) + BIAS * draws[3:, None, None]

    def affine(self, pixels: torch.Tensor, number: int) -> torch.Tensor:
        """Pixels [3, height, width] turned, scaled and shifted a little; edges are repeated."""
        turn, scale, x, y = self._draws("place", number, 4).tolist()
        cos, sin = math.cos(turn * TURN_RADIANS), math.sin(turn * TURN_RADIANS)
        size = 1 + scale * SCALE
        matrix = torch.tensor([[cos * size, -sin * size, x * SHIFT], [sin * size, cos * size, y * SHIFT]])
        grid = torch.nn.functional.affine_grid(matrix[None], [1, *pixels.shape], align_corners=False)
        return torch.nn.functional.grid_sample(pixels[None], grid, padding_mode="border", align_corners=False)[0]
