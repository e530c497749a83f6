"""Questions to Commons and Wikidata: what was deleted or changed since the store read it."""
