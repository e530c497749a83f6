"""Serving a checkpoint through vLLM, and the client of the endpoint."""
