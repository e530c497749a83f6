"""Scores of captions: ROUGE-L and CIDEr, over words as the reference or as each script has them."""
