"""Three doors to the same rows: SPARQL, JSON dump, entity JSON."""
