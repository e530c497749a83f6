"""Batching: mixture, lengths, packing, chat template, images and collation, from a corpus to micro-batches."""
