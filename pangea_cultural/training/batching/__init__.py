"""A corpus to micro-batches: mixture, lengths, packing, chat template, images, collation."""
