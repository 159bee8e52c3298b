"""A figure as it is published: a PNG image with a name and words."""

from dataclasses import dataclass

from matplotlib.figure import Figure

from deepsphere.report.style import to_png


@dataclass(frozen=True)
class Picture:
    """An image and what to say about it.

    Attributes
    ----------
    name : str
        File name without its ending.
    png : bytes
        The image.
    caption : str
        What the image shows and how to read it.
    featured : bool
        Whether the page shows it; all others are files only.
    """

    name: str
    png: bytes
    caption: str
    featured: bool

    @classmethod
    def of(cls, figure: Figure, name: str, caption: str, featured: bool) -> "Picture":
        """Return the picture of a figure."""
        return cls(name, to_png(figure), caption, featured)
