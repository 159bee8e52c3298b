"""Labelled triangle meshes, in folders and archives, of any publisher or of the user's own."""
