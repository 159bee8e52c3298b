"""Pictures of the filters that a trained model has."""

from collections.abc import Iterator

from deepsphere.report.filters import plot_filters
from deepsphere.report.picture import Picture
from deepsphere.report.runs import Run, read_run_filters


def filter_pictures(name: str, run: Run, words: str, title: str) -> Iterator[Picture]:
    """Yield filters of some layers of a run: none, if its model has none.

    Parameters
    ----------
    name : str
        Of the variant.
    run : Run
    words : str
        The variant in words, with which captions begin.
    title : str
        Title of the figures.

    Raises
    ------
    DeepsphereError
        If the file of the filters is missing, damaged or of another evaluation.
    """
    for layer, views in read_run_filters(run).items():
        yield Picture.of(
            plot_filters(views, f"{title}\nfilters of the layer {layer}"),
            f"filters-{name}-{layer.replace('.', '-')}",
            f"{words}, seed {run.seed}: the strongest filters of the layer {layer}. Above, their "
            "coefficients, which frequencies of the graph they let pass, and what they make of a "
            "single pixel, along great circles and by the distance; below, the same on gnomonic "
            "maps around the pixel.",
            featured=True,
        )
