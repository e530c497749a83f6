"""The fields that requests may have, with their bounds. A field that is not listed is refused by its name."""
