"""Import of data sets that others published, as exports in the native layout."""
