"""The Gradio page that answers questions about images."""
