"""Pixels of a sphere joined by weighted edges, and the operator that convolutions use.

From a sampling to a rescaled Laplacian::

    graph = build_graph(Healpix(32), Recipe(neighbours=20))     # build.py, recipe.py
    laplacian = graph.laplacian()                               # laplacian.py
    lmax = largest_eigenvalue(laplacian)                        # spectrum.py
    operator = RESCALINGS["symmetric"].apply(laplacian, lmax)   # rescaling.py

======================================= ============================================================
question                                modules
======================================= ============================================================
who is joined                           edges, neighbours, ties, radius, triangles
how strongly                            weights, widths, refinement, orbits, cotangent
how well does it know the sphere        equivariance, eigenvalue_groups, harmonics, diagnostics
which levels for pooling                hierarchy, levels
one graph for every patch               parts
where is it kept                        storage
can PyGSP have it                       interoperability
======================================= ============================================================

Everything is float64; sparse matrices are ``scipy.sparse.csr_array`` with sorted indices, and those
that should be symmetric are so bit for bit. On HEALPix the recipe's defaults commute better with
rotations than the published weights of as many nearest neighbours with the same Laplacian, at every
degree (``benchmarks/graphs.py --equivariance``); the published graphs can be had too::

    # Defferrard et al. 2020
    Recipe(8, width="published", refinement=0, laplacian="normalized")
    # Perraudin et al. 2019
    Recipe("adjacent", width="mean-square", refinement=0, laplacian="normalized")
    # Defferrard et al. 2020, equiangular
    Recipe("adjacent", weights="inverse-square", laplacian="normalized")
"""
