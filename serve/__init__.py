"""The vLLM server of a checkpoint."""
