"""The `pcult` command."""

from pangea_cultural.cli.main import main, pcult

__all__ = ["main", "pcult"]
