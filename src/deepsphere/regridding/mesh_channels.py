"""The names of what rays tell of a mesh; :mod:`deepsphere.regridding.projection` finds it."""

CHANNELS = ("distance", "cosine", "sine", "hull-distance", "hull-cosine", "hull-sine")
"""The channels, in the order of the published data."""
