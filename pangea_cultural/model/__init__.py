"""The CulturalPangea architecture: LLaVA-NeXT of a CLIP tower, a projector and Qwen2."""

IMAGE_BACKEND = "pil"
"""transformers has two image backends with slightly different pixels, and takes torchvision's where it is installed.
The configuration cannot name one, so everything of ours that loads a processor does (serving, too, by
`--mm-processor-kwargs`). It stands here because who serves a model need not import transformers to know it."""
