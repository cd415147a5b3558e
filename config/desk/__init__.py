"""The desk: the places of the web admin, and its pages that show what several contexts know."""
