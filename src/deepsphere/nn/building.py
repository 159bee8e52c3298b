"""The levels of a network, built on a sampling.

For work in Python. The stages of the pipeline build a graph once and read it
(:func:`~deepsphere.nn.hierarchy.graph_hierarchy`), so that a training does not depend on how graphs
are built.
"""

import torch

from deepsphere.graphs.hierarchy import build_hierarchy
from deepsphere.graphs.levels import build_levels
from deepsphere.graphs.recipe import Recipe
from deepsphere.graphs.rescaling import RescalingName
from deepsphere.nn.hierarchy import GraphHierarchy, graph_hierarchy
from deepsphere.samplings.sampling import Sampling


def build_graph_hierarchy(
    sampling: Sampling,
    levels: int = 1,
    recipe: Recipe | None = None,
    rescaling: RescalingName = "symmetric",
    dtype: torch.dtype = torch.float32,
) -> GraphHierarchy:
    """Build the graphs of a sampling and of its coarser levels, on as many threads as PyTorch has.

    Parameters
    ----------
    sampling : Sampling
        The finest. A part of a sphere is completed to whole super-pixels.
    levels : int
        How many, the finest included.
    recipe : Recipe, optional
        How each graph is made; by default as :class:`~deepsphere.graphs.recipe.Recipe` says.
    rescaling : {"symmetric", "damped", "shifted"}
        How the spectra of the Laplacians are brought into [-1, 1].
    dtype : torch.dtype
        Of the Laplacians' values, float32 or float64.

    Raises
    ------
    DeepsphereError
        If the sampling has not so many levels, or a level has no edges.
    """
    threads = torch.get_num_threads()
    try:
        hierarchy = build_hierarchy(sampling, levels)
        stored, _ = build_levels(hierarchy, recipe or Recipe(), rescaling, threads)
    finally:
        # numba, when it starts its threads, tells OpenMP to use as many, and so PyTorch too.
        torch.set_num_threads(threads)
    return graph_hierarchy(stored, dtype)
