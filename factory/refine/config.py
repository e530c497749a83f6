"""Configuration of the stage `refine`: the recipe's tables `[refine]` and `[[refine.endpoints]]`."""

from typing import Any, Literal

from pydantic import Field, field_validator

from factory.reference.properties import property_of
from pangea_cultural.config import Config, EnvironmentVariable, checked
from pangea_cultural.reference.languages import language
from pangea_cultural.reference.regions import region

Split = Literal["train", "dev", "test", "unseen"]
CHOICE = ("splits", "languages", "regions", "properties", "share", "limit")
"""Keys that choose the questions to rewrite."""


class EndpointConfig(Config):
    """An OpenAI-compatible endpoint that serves the model."""

    url: str = Field(pattern=r"^https?://")
    """Base of the API, ending in /v1."""
    model: str = ""
    """Name of the model at this endpoint, if it is another one than `model` of `[refine]`."""
    api_key_env: EnvironmentVariable = ""
    """Environment variable with the endpoint's key; empty if it needs none."""


class RefineConfig(Config):
    """Rewriting of questions by a language model."""

    endpoints: tuple[EndpointConfig, ...] = Field(min_length=1)
    """Endpoints of the same model. The least busy one is asked; one that fails is replaced by the others."""
    model: str = Field(min_length=1)
    """Name of the model, such as `Qwen/Qwen2.5-72B-Instruct`. Its answers are kept by this name: a changed model needs
    another one."""
    prompt: str = "1"
    """Version of the prompt. Another version asks all questions again."""
    splits: tuple[Split, ...] = Field(default=("train",), min_length=1)
    """Splits whose questions are rewritten. In the others, they could favor models that are like the writer."""
    languages: tuple[str, ...] = ()
    """Languages whose questions are rewritten; all by default."""
    regions: tuple[str, ...] = ()
    """Regions whose questions are rewritten; all by default."""
    properties: tuple[str, ...] = ()
    """Properties whose questions are rewritten; all by default."""
    share: float = Field(default=1, gt=0, le=1)
    """Share of the open questions to rewrite, chosen by a hash."""
    limit: int | None = Field(default=None, ge=1)
    """Number of open questions to rewrite at most, chosen by a hash."""
    concurrency: int = Field(default=64, ge=1, le=4096)
    """Requests at a time, over all endpoints."""
    timeout_s: float = Field(default=120, gt=0)
    """Seconds to wait for an answer."""
    max_bad_share: float = Field(default=0.5, ge=0, le=1)
    """Share of answers that may be refused. Above it, the stage stops."""
    input_price: float = Field(default=0, ge=0)
    """Price of a million input tokens, for the estimate."""
    output_price: float = Field(default=0, ge=0)
    """Price of a million output tokens, for the estimate."""

    def published(self) -> dict[str, Any]:
        """Return what the result depends on: an export does not name endpoints, prices and limits of requests."""
        return self.model_dump(mode="json", include={"model", "prompt", *CHOICE})

    @field_validator("languages")
    @classmethod
    def _known_languages(cls, codes: tuple[str, ...]) -> tuple[str, ...]:
        return checked(codes, lambda code: language(code).code)

    @field_validator("regions")
    @classmethod
    def _known_regions(cls, slugs: tuple[str, ...]) -> tuple[str, ...]:
        return checked(slugs, lambda slug: region(slug).slug)

    @field_validator("properties")
    @classmethod
    def _known_properties(cls, ids: tuple[str, ...]) -> tuple[str, ...]:
        return checked(ids, lambda name: property_of(name).id)
