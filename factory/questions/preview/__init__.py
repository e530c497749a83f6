"""The preview of a template file: one page on which a native speaker reads it and notes corrections."""
