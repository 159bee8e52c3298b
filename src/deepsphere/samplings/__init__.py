"""Where the pixels of a sphere are: one module a family.

Every sampling has ``len()`` and ``positions``, unit vectors of float64 and shape (pixels, 3). That
is all that :mod:`deepsphere.graphs` asks of it.

:mod:`~deepsphere.samplings.stations` is for irregular points that come as longitude and latitude.
"""
