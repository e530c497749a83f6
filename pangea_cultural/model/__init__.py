"""The CulturalPangea architecture: LLaVA-NeXT with a CLIP vision tower, a projector and Qwen2."""

IMAGE_BACKEND = "pil"
"""Image backend of transformers for training and serving.

transformers has two backends with slightly different pixels and prefers torchvision's. A checkpoint cannot store the
choice, so every loader of a processor passes it. vLLM gets it through `--mm-processor-kwargs`. Serving reads this
constant without importing transformers."""
