"""Settings of the gateway. They are passed to vLLM's process in one variable of its environment."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

VARIABLE = "PCULT_GATEWAY"
"""Environment variable with the settings as JSON."""
CONNECTOR = "pcult"
"""Value of VLLM_MEDIA_CONNECTOR: the gateway's reader of images."""
MAX_IMAGES = 8
"""Images of a request."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Limits and files of the gateway."""

    max_tokens: int = 2048
    """Longest answer in tokens."""
    max_text: int = 200_000
    """Characters of all texts of a request. A tokenizer takes 2 microseconds for each."""
    keys_file: str = ""
    """File with names and digests of keys; empty for none."""
    key_digests: tuple[tuple[str, str], ...] = ()
    """Names and digests of further keys."""
    rate: str = ""
    """Requests of a key in a time, such as `600/minute`; empty for no limit."""
    concurrency: int = 512
    """Requests of a key at a time."""
    access_log: str = ""
    """File of the access log; empty for none."""
    max_body: int = 32_000_000
    """Bytes of a request's body: 8 photos of 12 megapixels in base64."""
    max_held: int = 512_000_000
    """Bytes of the bodies of all requests at a time. Each is in memory about three times."""
    read_s: float = 30.0
    """Seconds for the headers of a request, and for its body."""
    bytes_per_s: int = 50_000
    """Rate of a body that extends its time."""
    max_images: int = MAX_IMAGES
    """Images of a request."""
    max_image_bytes: int = 24_000_000
    """Bytes of all images of a request, decoded from base64."""
    max_pixels: int = 50_000_000
    """Pixels of an image."""
    max_request_pixels: int = 100_000_000
    """Pixels of all images of a request."""
    media_domains: tuple[str, ...] = ()
    """Hosts from which images are fetched, as `host` or `host:port`; empty for none."""

    @property
    def has_keys(self) -> bool:
        """Whether requests need a key."""
        return bool(self.keys_file or self.key_digests)

    def environment(self) -> dict[str, str]:
        """Return the environment variable with these settings."""
        return {VARIABLE: orjson.dumps(asdict(self)).decode()}


def from_environment() -> Settings:
    """Return the settings that `pcult serve` has passed.

    Raises:
        RuntimeError: the variable is not set. The gateway never runs with settings that were not chosen.
    """
    if VARIABLE not in os.environ:
        raise RuntimeError(f"{VARIABLE} is not set. Start the server with `pcult serve`.")
    values = orjson.loads(os.environ[VARIABLE])
    values["key_digests"] = tuple((str(name), str(digest)) for name, digest in values["key_digests"])
    values["media_domains"] = tuple(values["media_domains"])
    return Settings(**values)


def absolute(path: Path | None) -> str:
    """Return the absolute path of a file, and no text for None.

    Links are kept: an operator may replace one by a link to another file, as Kubernetes does with secrets.
    """
    return str(path.absolute()) if path else ""
