"""The hub during a training: checked before it, checkpoints beside it, the result after it."""
