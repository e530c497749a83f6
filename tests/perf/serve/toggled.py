"""The gateway in vLLM, which a header switches off: both ways of one server are compared, in turn."""

from contextvars import ContextVar
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send
from vllm.multimodal.media import MEDIA_CONNECTOR_REGISTRY, MediaConnector

from serve.gateway.in_vllm import VllmGateway
from serve.gateway.settings import CONNECTOR

NAME = "toggled"
"""Value of VLLM_MEDIA_CONNECTOR."""
MIDDLEWARE = "tests.perf.serve.toggled.ToggledGateway"
BARE_HEADER = (b"x-bare", b"1")
BARE: ContextVar[bool] = ContextVar("bare", default=False)


@MEDIA_CONNECTOR_REGISTRY.register(NAME)
class ToggledConnector(MediaConnector):
    """Reader of images: vLLM's own for requests with the header, the gateway's for others."""

    async def load_from_url_async(self, url: str, media_io: Any, *, fetch_timeout: int | None = None) -> Any:
        """Read an image."""
        if BARE.get():
            return await super().load_from_url_async(url, media_io, fetch_timeout=fetch_timeout)
        reader = MEDIA_CONNECTOR_REGISTRY.load(CONNECTOR, media_io_kwargs=self.media_io_kwargs)
        return await reader.load_from_url_async(url, media_io, fetch_timeout=fetch_timeout)


class ToggledGateway(VllmGateway):
    """The gateway, which requests with the header pass by."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(app)
        self._behind = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a connection."""
        if scope["type"] == "http" and BARE_HEADER in scope["headers"]:
            BARE.set(True)
            await self._behind(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)
