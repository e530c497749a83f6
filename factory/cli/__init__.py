"""The commands `pcult build` and `pcult data`."""
