"""The routes that are served. All others of vLLM answer 404."""

from dataclasses import dataclass

from serve.gateway.errors import RefusedError


@dataclass(frozen=True)
class Route:
    """A route of vLLM."""

    path: str
    method: str
    is_open: bool = False
    """Whether it needs no key and has no limits."""
    is_limited: bool = True
    """Whether rate and concurrency of a key count here."""

    @property
    def methods(self) -> tuple[str, ...]:
        """The methods of clients. Load balancers send HEAD."""
        return (self.method, "HEAD") if self.method == "GET" else (self.method,)


ROUTES = {
    route.path: route
    for route in (
        Route("/v1/chat/completions", "POST"),
        Route("/tokenize", "POST"),
        Route("/v1/models", "GET"),
        Route("/version", "GET"),
        Route("/metrics", "GET", is_limited=False),
        # Load balancers and service managers ask without a key. It tells only whether the engine runs.
        Route("/health", "GET", is_open=True, is_limited=False),
    )
}
CHAT, TOKENIZE = ROUTES["/v1/chat/completions"], ROUTES["/tokenize"]
MODELS, METRICS = ROUTES["/v1/models"], ROUTES["/metrics"]


def route_of(path: str, method: str) -> Route:
    """Return the route of a request.

    Raises:
        RefusedError: nothing is served at this path, or not by this method.
    """
    route = ROUTES.get(path)
    if route is None:
        known = ", ".join(f"{route.method} {route.path}" for route in ROUTES.values())
        raise RefusedError(404, "route", f"Nothing is served at this path. Use {known}.", closes=True)
    if method not in route.methods:
        message = f"{path} is not served by this method. Use {route.method}."
        raise RefusedError(405, "method", message, headers={"allow": ", ".join(route.methods)}, closes=True)
    return route
