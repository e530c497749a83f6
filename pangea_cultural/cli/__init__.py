"""The `pcult` command: the one place where the rooms of the house meet."""

from pangea_cultural.cli.main import main, pcult

__all__ = ["main", "pcult"]
