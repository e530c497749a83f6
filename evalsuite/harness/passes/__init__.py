"""Further passes over the questions of a finished run, which leave its scores as they are."""
