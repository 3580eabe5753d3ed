"""The page's plots as SVG; colours come from the page's style sheet, so that they follow light and dark."""
