"""Configuration of the audit: the recipe's table `[audit]`."""

from pydantic import Field

from pangea_cultural.config import Config


class AuditConfig(Config):
    """The audit of the export: how much a guesser that sees no image may reach."""

    max_guesser: float | None = Field(default=None, gt=0, le=1)
    """Largest accuracy of a guesser without images, such as 0.3. Above it, `pcult data check` fails. By default the
    figure is only reported."""
