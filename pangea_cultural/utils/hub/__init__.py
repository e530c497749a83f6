"""The Hugging Face hub: access, uploads, and the comparison of its files with local ones."""
