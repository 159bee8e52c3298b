"""Pixels of a sphere joined by weighted edges, and the operator that convolutions use.

From unit vectors to a rescaled Laplacian::

    graph = build_graph(positions, neighbours=10)               # graph.py
    laplacian = graph.laplacian("combinatorial")                # laplacian.py
    lmax = largest_eigenvalue(laplacian)                        # spectrum.py
    operator = RESCALINGS["symmetric"].apply(laplacian, lmax)   # rescaling.py

:mod:`~deepsphere.graphs.neighbours` finds who is joined, :mod:`~deepsphere.graphs.weights` how
strongly, and :mod:`~deepsphere.graphs.diagnostics` says in numbers what came out. Everything is
float64; sparse matrices are ``scipy.sparse.csr_array`` with sorted indices.
"""
