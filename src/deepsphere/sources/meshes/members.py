"""The files inside a folder or an archive: their names, and which names are refused."""

import re
from dataclasses import dataclass
from pathlib import Path

from deepsphere.errors import DeepsphereError

_DRIVE = re.compile(r"[A-Za-z]:")


@dataclass(frozen=True)
class Member:
    """A file inside a folder or an archive.

    Attributes
    ----------
    name : str
        Its path from the top, with forward slashes.
    size : int
        Bytes, as declared; an archive may lie.
    """

    name: str
    size: int


def safe_name(name: str, archive: Path) -> str:
    """Return a member's name with forward slashes and without ``.``.

    Raises
    ------
    DeepsphereError
        If the name leads out of the archive, or is not text in UTF-8.
    """
    slashed = name.replace("\\", "/")
    parts = [part for part in slashed.split("/") if part not in ("", ".")]
    if slashed.startswith("/") or ".." in parts or _DRIVE.match(slashed):
        raise DeepsphereError(
            f"{archive} holds {name!a}, which leads out of it; get it from a source you trust"
        )
    try:
        name.encode()
    except UnicodeEncodeError:
        raise DeepsphereError(
            f"{archive} holds {name!a}, whose name is not UTF-8; rename that file"
        ) from None
    return "/".join(parts)


def refuse_twice(name: str, archive: Path) -> DeepsphereError:
    """Return the error of a name that is there twice: which of the two is meant nobody can say."""
    return DeepsphereError(f"{archive} holds {name!a} twice; pack it again with one of them")
