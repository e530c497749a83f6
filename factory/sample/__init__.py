"""The embedded sample world: flags and cultural objects as entity documents, drawings, and general images."""
