"""Configuration of own tables: the recipe's table `[tables]`."""

from pathlib import Path
from typing import Self

from pangea_cultural.config import Config
from pangea_cultural.errors import UserError
from pangea_cultural.reference.own_tables import OwnTables

LABELS = {"regions": "region", "languages": "language", "properties": "property", "entity_types": "entity type"}
"""Keys of the recipe, with the labels of the tables."""


class TablesConfig(Config):
    """Own tables beside the recipe. Their rows replace the shipped rows of the same name, or are added after them."""

    regions: Path | None = None
    """File with rows as in `pangea_cultural/reference/regions.toml`, relative to the recipe."""
    languages: Path | None = None
    """File with rows as in `pangea_cultural/reference/languages.toml`, relative to the recipe."""
    properties: Path | None = None
    """File with rows as in `factory/reference/properties.toml`, relative to the recipe."""
    entity_types: Path | None = None
    """File with rows as in `factory/reference/entity_types.toml`, relative to the recipe."""
    templates: Path | None = None
    """Folder with files as in `factory/questions/templates`, relative to the recipe. A file `CODE.toml` replaces the
    shipped templates of its language."""

    def anchored(self, folder: Path) -> Self:
        """Return the configuration with absolute paths.

        Raises:
            UserError: a file or folder does not exist.
        """
        paths = {name: folder / path for name in type(self).model_fields if (path := getattr(self, name)) is not None}
        for name, path in paths.items():
            if not (path.is_dir() if name == "templates" else path.is_file()):
                kind = "folder" if name == "templates" else "file"
                raise UserError(f"The recipe names {getattr(self, name)}, but {path} is not a {kind}. Check the path.")
        return self.model_copy(update={name: path.resolve() for name, path in paths.items()})

    def read(self) -> OwnTables:
        """Read the files.

        Raises:
            UserError: a file cannot be read, or is not TOML.
        """
        files = {label: path for name, label in LABELS.items() if (path := getattr(self, name)) is not None}
        return OwnTables.read(files, self.templates)
