"""Entity documents from a SPARQL endpoint with Wikidata's RDF."""
