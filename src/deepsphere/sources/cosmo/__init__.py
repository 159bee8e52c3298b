"""Cosmology: full-sky maps of the convergence of weak lensing, and other HEALPix maps."""
