"""Where the pixels of a sphere are: one module a family.

Every sampling has the same face, :class:`~deepsphere.samplings.sampling.Sampling`: positions, areas
that sum to 4π, neighbours and cells, and the next coarser sampling with the map to it.

================== ======================================= =========================== ================
module             pixels                                 areas                      coarser
================== ======================================= =========================== ================
``healpix``        HEALPix, NESTED inside                 equal                      children of 4
``icosahedral``    vertices or faces of an icosphere      within 27 %                nested
``ugscnn``         the vertices in UGSCNN's two orders    within 27 %                nested
``equiangular``    SOFT, Driscoll-Healy, Clenshaw-Curtis  small towards the poles    blocks of 4
``gauss_legendre``  Gauss-Legendre rows                  small towards the poles    by overlap
``octahedral``     reduced Gauss-Legendre (ECMWF O grids) within a factor 5          by overlap
``cubed``          a cube's faces                         within 30 %                children of 4
``fibonacci``      a spiral                               within 11 %                by overlap
``stations``       any longitudes and latitudes           of Voronoi cells           clusters
``masked``         a part of any of these                 as they are                as they are
================== ======================================= =========================== ================

For networks take HEALPix: equal areas, and children that nest. :mod:`~.overlap` gives the map
between any two of them; :mod:`~.voronoi` and :mod:`~.polygons` are the geometry below.
"""
