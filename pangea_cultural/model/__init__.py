"""The CulturalPangea architecture: LLaVA-NeXT with a CLIP vision tower, a projector and Qwen2."""

IMAGE_BACKEND = "pil"
"""Image backend of transformers for training and serving.

transformers has two backends with slightly different pixels and prefers torchvision's. A checkpoint cannot name one, so
every loader of a processor does; vLLM gets it by `--mm-processor-kwargs`. Serving reads it without transformers."""
