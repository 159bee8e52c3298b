"""Trained runs applied to users' own files of fields, and their answers on the users' own grids."""
