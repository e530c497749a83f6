"""No test of data sets asks the hub."""

import pytest


@pytest.fixture(autouse=True)
def offline(monkeypatch, tmp_path):
    """Let no test ask the hub, and keep what `datasets` caches in the folder of the test."""
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
