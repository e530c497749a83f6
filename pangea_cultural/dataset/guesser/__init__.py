"""A guesser of choice questions that sees only texts: the audit of an export and evaluations use it as a control."""
