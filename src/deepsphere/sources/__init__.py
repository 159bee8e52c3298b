"""Sources: data sets as their publishers ship them. One package a source, found by its name."""
