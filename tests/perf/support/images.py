"""Generated images that take as long to decode as photos."""

import io
import random

import numpy as np
from PIL import Image


def jpeg(rng: random.Random, size: tuple[int, int] = (960, 720)) -> bytes:
    """Return an image with soft shapes and grain; of 960 x 720 pixels, it has 100 to 200 kB."""
    width, height = size
    numbers = np.random.default_rng(rng.randrange(2**32))
    shapes = Image.fromarray(numbers.integers(0, 255, (45, 60, 3), dtype=np.uint8)).resize(size, 3)
    grain = numbers.normal(0, rng.uniform(3, 9), (height, width, 1))
    buffer = io.BytesIO()
    Image.fromarray(np.clip(np.asarray(shapes) + grain, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
