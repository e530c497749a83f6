"""Pictures: where they come from, their licences, and the content-addressed folder they go to."""
