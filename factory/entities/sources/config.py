"""Configuration of the document sources: the recipe's tables `[[sources]]`."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field
from yarl import URL

from factory.knowledge.config import KnowledgeConfig
from pangea_cultural.config import Config


class DumpConfig(Config):
    """Entity documents from one file: a Wikidata JSON dump or a part of it, plain, .gz, .bz2 or .zst, or JSON Lines."""

    type: Literal["dump"]
    path: Path
    """The file, relative to the recipe."""

    def label(self) -> str:
        """Return the source's name in the store and on the screen."""
        return self.path.name


class FilesConfig(Config):
    """Entity documents from a JSON file or a folder of them: Special:EntityData, answers of the entity API."""

    type: Literal["files"]
    path: Path
    """A file or a folder, relative to the recipe."""

    def label(self) -> str:
        """Return the source's name in the store and on the screen."""
        return self.path.name


class ApiConfig(Config):
    """Entity documents from a Wikibase's API, by id."""

    type: Literal["api"]
    url: str = Field(default="https://www.wikidata.org/w/api.php", pattern=r"^https?://")
    """URL of api.php."""
    ids: tuple[Annotated[str, Field(pattern=r"^Q[1-9][0-9]{0,14}$")], ...] = Field(min_length=1)
    """Entities to read."""

    def label(self) -> str:
        """Return the source's name in the store and on the screen."""
        return f"api {URL(self.url).host}"


class SparqlConfig(Config):
    """A SPARQL endpoint with Wikidata's RDF: the Wikidata query service, QLever, a private server."""

    type: Literal["sparql"]
    url: str = Field(default="https://query.wikidata.org/sparql", pattern=r"^https?://")
    """URL of the endpoint."""
    pause_s: float = Field(default=1.0, ge=0)
    """Seconds between two queries."""
    timeout_s: float = Field(default=65.0, gt=0)
    """Seconds for an answer; a slice that takes longer is split."""
    batch: int = Field(default=50, ge=1, le=500)
    """Items whose documents one query asks for."""
    per_region: int = Field(default=0, ge=0)
    """Maximum number of items per region, sampled by the seed; 0 reads all."""
    api_url: str = Field(default="", pattern=r"^(https?://.*)?$")
    """URL of an entity API (api.php) to read the documents from, which is faster and spares the endpoint. If empty, the
    documents are rebuilt from the endpoint's triples."""

    def label(self) -> str:
        """Return the source's name in the store and on the screen."""
        return f"sparql {URL(self.url).host}"


SourceConfig = Annotated[
    DumpConfig | FilesConfig | ApiConfig | SparqlConfig | KnowledgeConfig, Field(discriminator="type")
]
