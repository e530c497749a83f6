"""The stage `images`: image sources, licenses and the content-addressed image folder."""
