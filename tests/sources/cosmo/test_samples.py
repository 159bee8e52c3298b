"""From files to samples: published names, tables, screening, masks, and the store itself."""

import zipfile
from pathlib import Path
from typing import Any

import healpy
import numpy as np
import pytest
import xarray as xr

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.healpix import Healpix
from deepsphere.sources.cosmo.samples import open_samples
from deepsphere.sources.cosmo.settings import Source, Store
from deepsphere.stores.reader import open_store
from deepsphere.stores.writer import write_store
from deepsphere.workers import Workers

NSIDE = 16
WRONG = "training.zip/training/kappa_omega_m_0p31_s_3.npy"


def sky(matter: str, seed: int, wrong: bool = False) -> np.ndarray:
    """A Gaussian map; those of one seed are alike. A wrong one has a strong dipole more."""
    degrees = np.arange(3 * NSIDE)
    power = 1e-4 / (1 + degrees) ** (2.0 if matter == "0p26" else 1.9)
    # healpy draws from NumPy's global state.
    np.random.seed(seed)  # noqa: NPY002
    values = healpy.synfast(power, NSIDE).astype(np.float32)
    values += wrong * np.float32(0.5) * Healpix(NSIDE).to_ring(Healpix(NSIDE).positions[:, 2])
    return values


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Archives as published: 8 and 3 seeds, one map of which is wrong."""
    folder = tmp_path_factory.mktemp("raw")
    for name, seeds in (("training", range(8)), ("testing", range(8, 11))):
        with zipfile.ZipFile(folder / f"{name}.zip", "w") as archive:
            for matter in ("0p26", "0p31"):
                for seed in seeds:
                    member = f"{name}/kappa_omega_m_{matter}_s_{seed}.npy"
                    wrong = f"{name}.zip/{member}" == WRONG
                    with archive.open(member, "w") as stream:
                        np.lib.format.write_array(stream, sky(matter, seed, wrong))
    return folder


def opened(
    raw: Path, scratch: Path, source: dict[str, Any] | None = None, **settings: Any
) -> tuple[xr.Dataset, dict[str, Any]]:
    reading = Source.model_validate({"kind": "cosmo", **(source or {})}).reading()
    values = {"kind": "cosmo", "source": "x", "nside": 8, "smoothing": 200, **settings}
    store = Store.model_validate(values).model_dump(mode="json")
    scratch.mkdir(exist_ok=True)
    listed = {path.relative_to(raw).as_posix() for path in raw.rglob("*") if path.is_file()}
    dataset, report = open_samples(raw, listed, reading, store, scratch, Workers(2))
    return dataset, report()


def test_published_archives(raw: Path, tmp_path: Path) -> None:
    dataset, report = opened(raw, tmp_path / "scratch", order=2)
    assert report["quarantined"]["count"] == 1
    assert report["quarantined"]["first"][0]["file"] == WRONG
    assert "degree 1" in report["quarantined"]["first"][0]["reason"]
    assert report["maps"] == 22
    assert report["split"] == {"train": 15, "validation": 0, "test": 6}
    assert report["left_out"] == []
    assert dataset.sizes == {"sample": 21 * 48, "cell": 16, "channel": 1}
    assert np.bincount(dataset["split"]).tolist() == [576, 144, 288]
    assert dataset.attrs["class_names"] == ["Omega_m 0.26", "Omega_m 0.31"]
    assert set(zip(dataset["Omega_m"].values, dataset["sigma_8"].values, strict=True)) == {
        (0.26, 0.91),
        (0.31, 0.82),
    }
    values = sky("0p31", 9)
    expected = healpy.smoothing(
        healpy.ud_grade(values.astype(float) - values.mean(dtype=float), 8),
        sigma=np.radians(200 / 60),
    )
    place = dataset.attrs["maps"].index("testing.zip/testing/kappa_omega_m_0p31_s_9.npy")
    found = dataset["data"].values[dataset["map"] == place]
    np.testing.assert_allclose(found.ravel(), Healpix(8).from_ring(expected), atol=1e-7)


def test_seed_grouped(raw: Path, tmp_path: Path) -> None:
    dataset, report = opened(raw, tmp_path / "scratch", split={"kind": "seed-grouped"})
    # A fifth of the 7 seeds that both classes have.
    assert report["split"] == {"train": 13, "validation": 2, "test": 6}
    splits = {seed: set(dataset["split"].values[dataset["seed"] == seed]) for seed in range(11)}
    assert all(len(each) == 1 for each in splits.values())


def test_screening_is_optional(raw: Path, tmp_path: Path) -> None:
    dataset, report = opened(raw, tmp_path / "scratch", screening=False)
    assert report["quarantined"] == {"count": 0, "first": []}
    assert np.bincount(dataset["split"]).tolist() == [153, 39, 72]


def test_too_many_broken_maps_stop_it(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(DeepsphereError, match=r"1 of 22 files are broken.*degree 1"):
        opened(raw, tmp_path / "scratch", quarantine=0)


def test_store_is_written_and_the_same_again(raw: Path, tmp_path: Path) -> None:
    digests = []
    for name in ("one", "two"):
        dataset, _ = opened(raw, tmp_path / "scratch", order=1)
        content = write_store(dataset, tmp_path / name, fingerprint={}, chunk_bytes=2000)
        digests.append(content["digest"])
        store = open_store(tmp_path / name, content["digest"])
        np.testing.assert_array_equal(store.read(np.arange(len(store))), dataset["data"].values)
        assert store.attrs["statistics"]["train"]["maps"]["samples"] == 144
    assert digests[0] == digests[1]


def test_maps_with_a_table_and_a_mask(tmp_path: Path) -> None:
    """FITS of two bins each, NESTED, without labels: for regression on a part of the sky."""
    raw, rows = tmp_path / "raw", ["file,Omega_m,S_8"]
    raw.mkdir()
    sphere = Healpix(NSIDE)
    seen = sphere.positions[:, 2] > 0
    for seed in range(6):
        bins = np.stack([sky("0p26", seed), sky("0p31", seed + 20)])
        healpy.write_map(
            raw / f"{seed}.fits", bins, nest=True, column_names=["near", "far"], dtype=float
        )
        rows.append(f"{seed}.fits,{0.2 + seed / 50},{0.8 - seed / 50}")
    (raw / "t.csv").write_text("\n".join(rows))
    healpy.write_map(raw / "mask.fits.gz", seen, nest=True, dtype=np.int16)
    dataset, report = opened(
        raw,
        tmp_path / "scratch",
        {"edition": "maps", "mirrors": ["x"], "labels": "t.csv", "mask": "mask.fits.gz"},
        order=0,
        channels=["distant", "close"],
        columns=["far", "near"],
        split={"kind": "seed-grouped"},
    )
    assert report["files_passed_over"]["count"] == 0
    assert report["split"] == {"train": 3, "validation": 1, "test": 2}
    assert dataset.sizes == {"sample": 6, "cell": 768, "channel": 2}
    assert dataset.attrs["sampling"] == "healpix:8"
    assert "label" not in dataset
    assert (dataset["seed"] == -1).all()
    kept = seen.reshape(-1, 4).sum(axis=1) >= 2
    np.testing.assert_array_equal(dataset["seen"], kept)
    np.testing.assert_array_equal(np.isnan(dataset["data"]).any(dim=("sample", "channel")), ~kept)
    np.testing.assert_array_equal(np.isnan(dataset["data"]).all(dim=("sample", "channel")), ~kept)
    assert dataset["data"].values[:, kept, 0].std() != dataset["data"].values[:, kept, 1].std()
