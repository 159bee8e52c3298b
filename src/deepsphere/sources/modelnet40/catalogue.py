"""The archives of ModelNet40.

Princeton publishes one zip, of a known hash. The aligned edition (Sedaghat, Zolfaghari, Amiri,
Brox: Orientation-boosted voxel nets for 3D object recognition, BMVC 2017) is a tar of the
University of Freiburg, which publishes no hash: it is recorded when it is first fetched.
"""

from collections.abc import Mapping

from deepsphere.sources.meshes.catalogue import remote_files
from deepsphere.sources.remote import RemoteFile

ARCHIVES = {"original": "ModelNet40.zip", "aligned": "modelnet40_manually_aligned.tar"}
"""Name of the archive of each edition."""

_HASHES = {"original": "42dc3e656932e387f554e25a4eb2cc0e1a1bd3ab54606e2a9eae444c60e536ac"}


def catalogue(edition: str, hashes: Mapping[str, str]) -> tuple[RemoteFile, ...]:
    """Return the file of an edition, with the hash of the configuration or the one that is known.

    Raises
    ------
    DeepsphereError
        If a hash belongs to another file.
    """
    name = ARCHIVES[edition]
    known = {name: _HASHES[edition]} if edition in _HASHES else {}
    return remote_files([name], {**known, **hashes})
