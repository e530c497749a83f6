"""The gateway as vLLM loads it by `--middleware`: settings from the environment, and the reader of images."""

from starlette.types import ASGIApp

from serve.gateway.guard import Gateway
from serve.gateway.images import connector
from serve.gateway.settings import from_environment


class VllmGateway(Gateway):
    """The gateway in vLLM's process."""

    def __init__(self, app: ASGIApp) -> None:
        settings = from_environment()
        connector.register(settings)
        super().__init__(app, settings)
