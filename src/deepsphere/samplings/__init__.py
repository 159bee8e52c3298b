"""Where the pixels of a sphere are: one module a family.

Every sampling has the same face, :class:`~deepsphere.samplings.sampling.Sampling`: positions, areas
that sum to 4π, neighbours and cells, and the next coarser sampling with the map to it.

==================  =================================  ==========================  =================
module              pixels                             largest by smallest area    coarser
==================  =================================  ==========================  =================
``healpix``         HEALPix, NESTED inside             1                           4 children
``icosahedral``     faces of an icosphere, or          1.30                        4 children
                    its vertices                       1.36                        7 shared vertices
``ugscnn``          these in the order of UGSCNN       1.36                        7 shared vertices
``cubed``           a cube's faces, in equal angles    1.41                        4 children
                    or equal lengths                   5.2                         4 children
``fibonacci``       a spiral                           1.12                        by overlap
``octahedral``      reduced Gauss-Legendre (ECMWF O)   5.7 (O104)                  by overlap
``gauss_legendre``  rows of Gauss-Legendre             0.43 for each row           by overlap
``equiangular``     SOFT                               0.64 for each row           4 children
                    Driscoll-Healy, Clenshaw-Curtis    2.5 for each row            by overlap
``stations``        any longitudes and latitudes       any                         clusters
``masked``          a part of any of these             as it is                    as it is
==================  =================================  ==========================  =================

For networks take HEALPix: equal areas, and children that nest. :mod:`~.overlap` gives the map
between any two of them, :mod:`~.symmetries` the rotations that only swap pixels.
:mod:`~.healpix_indices`, :mod:`~.rings`, :mod:`~.subdivision`, :mod:`~.voronoi` and
:mod:`~.polygons` are the geometry below.
"""
