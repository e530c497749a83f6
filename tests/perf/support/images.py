"""Generated images that take as long to decode as photos."""

import io
import random

import numpy as np
from PIL import Image


def jpeg(rng: random.Random) -> bytes:
    """Return an image of 960 x 720 pixels with soft shapes and grain, 100 to 200 kB."""
    numbers = np.random.default_rng(rng.randrange(2**32))
    shapes = Image.fromarray(numbers.integers(0, 255, (45, 60, 3), dtype=np.uint8)).resize((960, 720), 3)
    grain = numbers.normal(0, rng.uniform(3, 9), (720, 960, 1))
    buffer = io.BytesIO()
    Image.fromarray(np.clip(np.asarray(shapes) + grain, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
