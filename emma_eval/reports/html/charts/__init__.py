"""The page's plots as SVG. Colours come from the page's style sheet and follow its theme."""
