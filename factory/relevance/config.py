"""Configuration of the stage `relevance`: the recipe's table `[relevance]`."""

from typing import Any

from pydantic import Field, field_validator, model_validator

from factory.relevance.prompts import PROMPTS
from pangea_cultural.config import Config, EnvironmentVariable


class ModelConfig(Config):
    """A vision-language model that is asked, and its endpoints."""

    endpoints: tuple[str, ...] = Field(min_length=1)
    """URLs of OpenAI-compatible endpoints that serve the model, each ending in /v1. They share the requests."""
    model: str = Field(min_length=1)
    """Name of the model. Answers are kept by this name: a changed model needs another one."""
    served_name: str = ""
    """Name of the model at the endpoints, if it is another one than `model`."""
    api_key_env: EnvironmentVariable = ""
    """Environment variable with the endpoints' key; empty if they need none."""
    prompt_version: str = "shows-1"
    """Version of the prompt: `shows-1`, `relevant-1`, or the name of your own `prompt`."""
    prompt: str = ""
    """Text to ask in place of a shipped prompt, with the slot {entity}. The answer is yes or no."""
    logprobs: bool = True
    """Take the probability of yes from the log-probabilities of the first token. `false`, for endpoints without them:
    the text of the answer gives 1 or 0."""
    top_logprobs: int = Field(default=20, ge=2, le=20)
    """Likely first tokens to ask for, among which yes and no are summed."""
    concurrency: int = Field(default=64, ge=1)
    """Requests at a time, over all endpoints."""
    timeout_s: float = Field(default=120, gt=0)
    """Seconds to wait for an answer."""

    @field_validator("endpoints")
    @classmethod
    def _are_urls(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            if not url.startswith(("http://", "https://")):
                raise ValueError(f"{url} is not a URL. Write it as http://HOST:PORT/v1.")
        return tuple(url.rstrip("/") for url in urls)

    @model_validator(mode="after")
    def _prompt_has_its_version(self) -> "ModelConfig":
        if not self.prompt and self.prompt_version not in PROMPTS:
            known = ", ".join(PROMPTS)
            raise ValueError(f"Unknown prompt_version {self.prompt_version!r}. Known: {known}. Or set prompt.")
        if self.prompt and self.prompt_version in PROMPTS:
            raise ValueError(f"{self.prompt_version} is a shipped prompt. Give your own prompt another prompt_version.")
        if self.prompt and "{entity}" not in self.prompt:
            raise ValueError("prompt has no slot {entity}. Add it.")
        return self

    @property
    def template(self) -> str:
        """Text of the prompt with its slot."""
        return self.prompt or PROMPTS[self.prompt_version]

    @property
    def method(self) -> str:
        """Origin of the probability: `logprobs` or `text`."""
        return "logprobs" if self.logprobs else "text"

    def key(self) -> dict[str, str]:
        """Return the columns by which the store finds the model's answers, beside the pair and the text."""
        return {"model": self.model, "prompt_version": self.prompt_version, "method": self.method}

    def identity(self) -> dict[str, Any]:
        """Return what answers depend on: not where and how fast they are asked for."""
        return self.key() | {"prompt": self.template, "top_logprobs": self.top_logprobs}


class RelevanceConfig(ModelConfig):
    """A model that says whether an image shows its entity, and the limit below which an image is left out."""

    threshold: float = Field(default=0.0, ge=0, le=1)
    """Least probability of yes. Images below it, or without an answer, have no questions. 0 keeps all. It may change
    without new requests about images."""
    max_failed: float = Field(default=0.05, ge=0, le=1)
    """Share of failed requests above which the stage stops."""
    max_unusable: float = Field(default=0.05, ge=0, le=1)
    """Share of answers that are neither yes nor no above which the stage stops."""
    second: ModelConfig | None = None
    """A second model, whose agreement with the first one `pcult data relevance agreement` shows. It leaves nothing
    out."""

    @model_validator(mode="after")
    def _models_differ(self) -> "RelevanceConfig":
        if self.second and self.second.identity() == self.identity():
            raise ValueError("second is the same model with the same prompt. Choose another model or prompt.")
        return self

    @property
    def models(self) -> tuple[ModelConfig, ...]:
        """The models to ask, in order."""
        return (self, *([self.second] if self.second else []))

    def published(self) -> dict[str, Any]:
        """Return what an export's manifest repeats: no hosts, no names of environment variables."""
        second = {"second": self.second.identity()} if self.second else {}
        return self.identity() | {"threshold": self.threshold} | second
