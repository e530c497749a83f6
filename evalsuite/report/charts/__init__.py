"""Charts of a report: one Vega-Lite specification gives the SVG in the page and the chart that its script shows."""
