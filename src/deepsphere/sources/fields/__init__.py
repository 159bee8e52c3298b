"""Labelled states of the atmosphere: what the sources of extreme events have in common."""
