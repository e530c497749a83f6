"""From exports to a checkpoint: mixture, packing, collation, trainer."""
