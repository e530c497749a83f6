"""Published data sets: their rows, their schema and the bytes of their images."""
