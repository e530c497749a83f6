"""Names of values as people write them: choice of a label, cleaning, conversion of Chinese."""
