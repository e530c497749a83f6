"""The choice of the weights with the lowest validation loss, and the early end of a stage."""
