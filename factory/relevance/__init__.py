"""The stage `relevance`: a vision-language model says whether an image shows its entity."""
