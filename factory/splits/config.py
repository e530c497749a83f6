"""Configuration of the stage `split`: the recipe's table `[split]`."""

from pydantic import Field

from pangea_cultural.config import Config


class SplitConfig(Config):
    """Images that are never in train: shares of all images, and categories."""

    dev: float = Field(default=0.05, ge=0, lt=1)
    """Share of the images in dev, chosen by a hash of their content."""
    test: float = Field(default=0.05, ge=0, lt=1)
    """Share of the images in test, chosen by a hash of their content."""
    unseen_categories: tuple[str, ...] = ()
    """Images of these categories are never in train: another artist's drawings, another museum's photos."""
