"""Pictures of which classes are taken for which, of samples as well as of pixels."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from deepsphere.report import accuracies, confusion
from deepsphere.report.picture import Picture


def confusion_pictures(
    counts: NDArray[np.int64],
    classes: Sequence[str],
    name: str,
    run: str,
    title: str,
    of_what: str,
    featured: bool,
) -> Iterator[Picture]:
    """Yield the confusion matrix, and the accuracy of each class.

    Parameters
    ----------
    counts : ndarray of int64, shape (class, class)
        How many of each true class (row) were taken for each class (column).
    classes : sequence of str
        Their names.
    name : str
        Of the variant.
    run : str
        The variant and the seed in words, with which captions begin.
    title : str
        Title of the figures.
    of_what : str
        What is counted: ``test samples``, or ``pixels``.
    featured : bool
        Whether the page shows them.
    """
    yield Picture.of(
        confusion.draw(counts, classes, title, of_what),
        f"confusion-{name}",
        f"{run}: how many percent of the {of_what} of each class (row) are taken for each class "
        "(column).",
        featured,
    )
    yield Picture.of(
        accuracies.draw(counts, classes, title, of_what),
        f"accuracies-{name}",
        f"{run}: share of the {of_what} of each class that are found.",
        featured,
    )
