"""The dataset card and the attribution of an export in any format."""
