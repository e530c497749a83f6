"""Counters of the gateway in Prometheus' default registry, which vLLM's /metrics shows.

vLLM's own `http_requests_total` does not count what the gateway refuses.
"""

from prometheus_client import Counter

REFUSALS = Counter("pcult_refusals", "Requests that were refused, by reason.", ["reason"])
TOKENS = Counter("pcult_tokens", "Tokens of answered requests, by name of the key and kind.", ["key", "kind"])
