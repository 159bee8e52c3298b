from collections import OrderedDict

import numpy as np
import pytest

from deepsphere.conversion.kept_weights import weights_for
from deepsphere.errors import DeepsphereError
from deepsphere.regridding.build import build_weights
from deepsphere.regridding.grid import LatitudeLongitude
from deepsphere.samplings.healpix import Healpix
from deepsphere.samplings.masked import Masked

MODULE = "deepsphere.conversion.kept_weights"


def grid(rows):
    return LatitudeLongitude(np.linspace(-90, 90, rows), np.arange(8) * 45.0)


def test_weights_are_built_once():
    first = weights_for(grid(5), Healpix(2), "nearest")
    assert weights_for(grid(5), Healpix(2), "nearest") is first
    assert first.digest == build_weights(grid(5), Healpix(2), "nearest").digest
    others = [
        weights_for(grid(6), Healpix(2), "nearest"),
        weights_for(grid(5), Healpix(4), "nearest"),
        weights_for(grid(5), Healpix(2), "bilinear"),
    ]
    assert len({weights.digest for weights in [first, *others]}) == 4


def test_parts_of_one_name_are_told_apart():
    parts = [Masked(Healpix(2), [0, 1, 2]), Masked(Healpix(2), [7, 8, 9])]
    assert parts[0].name == parts[1].name
    one, other = (weights_for(grid(5), part, "nearest") for part in parts)
    assert not np.array_equal(one.matrix.indices, other.matrix.indices)


def test_a_folder_keeps_them_from_process_to_process(tmp_path, monkeypatch):
    built = weights_for(grid(7), Healpix(2), "bilinear", tmp_path)
    (path,) = tmp_path.iterdir()
    monkeypatch.setattr(f"{MODULE}._kept", OrderedDict())
    stored = weights_for(grid(7), Healpix(2), "bilinear", tmp_path)
    assert stored is not built
    assert stored.digest == built.digest
    path.write_bytes(path.read_bytes()[:-100])
    monkeypatch.setattr(f"{MODULE}._kept", OrderedDict())
    with pytest.raises(DeepsphereError, match="holds no weights"):
        weights_for(grid(7), Healpix(2), "bilinear", tmp_path)
