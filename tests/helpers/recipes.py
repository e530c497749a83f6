"""Recipes as dictionaries."""


def merged(table, changes):
    """Return a recipe table with changed keys. Tables inside it are merged."""
    result = dict(table)
    for key, value in changes.items():
        inner = result.get(key)
        result[key] = merged(inner, value) if isinstance(inner, dict) and isinstance(value, dict) else value
    return result
