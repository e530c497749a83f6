"""Gradio pages."""

import os

# Set before the import of gradio, which otherwise sends usage data.
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
