"""The CulturalPangea architecture: LLaVA-NeXT of a CLIP tower, a connector and Qwen2."""
