"""Templates, filling, choices."""
