"""Names of closed vocabularies: values whose document lacks a label in a language."""
