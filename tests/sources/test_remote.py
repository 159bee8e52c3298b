"""What may be fetched, and under which names."""

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.remote import RemoteFile


@pytest.mark.parametrize(
    "name",
    ["../x", "/x", "SHA256SUMS", ".provenance.json", "a/.hidden", "x.part", "x.part.json", "a\nb"],
)
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(DeepsphereError, match="name of a file to fetch"):
        RemoteFile(name, ("x",), "any")


def test_locations_are_checked() -> None:
    with pytest.raises(DeepsphereError, match="location of x"):
        RemoteFile("x", ("fine", "../x"), "any")
    with pytest.raises(DeepsphereError, match="no location"):
        RemoteFile("x", (), "any")


def test_hash_is_checked() -> None:
    with pytest.raises(DeepsphereError, match="x: a sha256 hash is 64"):
        RemoteFile("x", ("x",), "any", known_hash="abc")
