"""The stage `questions`: templates, names of values, and the creation of questions."""
