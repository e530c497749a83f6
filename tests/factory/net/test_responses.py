"""Response specifications: errors of the MediaWiki API."""

import orjson
import pytest

from factory.net import responses
from factory.net.errors import RequestError


@pytest.mark.parametrize(("code", "retry"), [("maxlag", True), ("ratelimited", True), ("badtoken", False)])
def test_only_transient_api_errors_are_retried(code, retry):
    content = orjson.dumps({"error": {"code": code, "info": "why"}})
    with pytest.raises(RequestError) as caught:
        responses.mediawiki().read(responses.Response(url="", headers={}, content=content))
    error = caught.value
    assert (error.reason, error.detail, error.retry, error.throttled) == (f"API error: {code}", "why", retry, retry)
