"""The run of questions of an export: their tasks, scored answers and examples."""
