"""A figure as it is published: an image with a name and words."""

from dataclasses import dataclass
from typing import Literal

from matplotlib.figure import Figure

from deepsphere.report.style import to_png


@dataclass(frozen=True)
class Picture:
    """An image and what to say about it.

    Attributes
    ----------
    name : str
        File name without its ending.
    image : bytes
    caption : str
        What the image shows and how to read it.
    featured : bool
        Whether the page shows it; all others are files only.
    kind : {"png", "gif"}
        What the image is, and the ending of its file.
    """

    name: str
    image: bytes
    caption: str
    featured: bool
    kind: Literal["png", "gif"] = "png"

    @classmethod
    def of(cls, figure: Figure, name: str, caption: str, featured: bool) -> "Picture":
        """Return the picture of a figure."""
        return cls(name, to_png(figure), caption, featured)
