"""The climate archive of UGSCNN: states on the icosahedral mesh of level 5, with labels."""
