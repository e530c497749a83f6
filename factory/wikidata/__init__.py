"""Wikidata's data model: entities, values and their text."""
