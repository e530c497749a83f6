"""Fixtures of all tests of the evaluation."""

import pytest
import vl_convert


@pytest.fixture(scope="session", autouse=True)
def without_vega():
    """Leave out the script of charts in reports: bundling it takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(vl_convert, "javascript_bundle", lambda snippet: "const vegaEmbed = null;")
        yield
