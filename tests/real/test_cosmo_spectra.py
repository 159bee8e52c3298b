"""Maps with the genuine power spectra of the published training maps."""

import zipfile
from pathlib import Path

import healpy
import numpy as np
import pytest

from deepsphere.sources.cosmo.samples import open_samples
from deepsphere.sources.cosmo.screening import HIGHEST_DEGREE, Measured, find_outliers
from deepsphere.sources.cosmo.settings import Source, Store
from deepsphere.workers import Workers

SPECTRA = Path(__file__).parents[2].parent / "shared/data/cosmo/psd_data_sigma3.npz"
CLASSES = {"psd_class1": "0p26", "psd_class2": "0p31"}
NSIDE = 32

pytestmark = pytest.mark.skipif(not SPECTRA.is_file(), reason=f"real data not found: {SPECTRA}")


def measured(power: np.ndarray) -> Measured:
    """What screening would measure of a map of this power: its variance is the sum of
    (2 l + 1) C_l / 4 pi.
    """
    degrees = np.arange(1, len(power))
    variance = ((2 * degrees + 1) * power[1:]).sum() / (4 * np.pi)
    return Measured(np.sqrt([variance]), power[np.newaxis, 1 : HIGHEST_DEGREE + 1])


def test_screening_finds_the_broken_map_and_no_other() -> None:
    with np.load(SPECTRA) as spectra:
        outliers = {
            name: find_outliers([measured(one) for one in spectra[name]]) for name in CLASSES
        }
    assert outliers["psd_class1"] == {}
    assert list(outliers["psd_class2"]) == [12]


def test_store_of_maps_with_these_spectra(tmp_path: Path) -> None:
    """The number of samples is the published one, less the 12 patches of the broken map."""
    with np.load(SPECTRA) as spectra:
        for folder, seeds in (("training", range(20)), ("testing", range(20, 30))):
            with zipfile.ZipFile(tmp_path / f"{folder}.zip", "w") as archive:
                for name, matter in CLASSES.items():
                    for seed in seeds:
                        # healpy draws from NumPy's global state; maps of a seed are alike.
                        np.random.seed(seed)  # noqa: NPY002
                        power = spectra[name][seed % 20 if folder == "training" else seed - 20]
                        values = healpy.synfast(power[: 3 * NSIDE], NSIDE)
                        member = f"{folder}/kappa_omega_m_{matter}_s_{seed}.npy"
                        with archive.open(member, "w") as stream:
                            np.lib.format.write_array(stream, values)
    (tmp_path / "scratch").mkdir()
    counts = {}
    for screening in (True, False):
        store = Store(kind="cosmo", source="x", nside=NSIDE // 2, smoothing=60, screening=screening)
        dataset, report = open_samples(
            tmp_path,
            ["training.zip", "testing.zip"],
            Source(kind="cosmo").reading(),
            store.model_dump(mode="json"),
            tmp_path / "scratch" if screening else tmp_path / "scratch" / "all",
            Workers(2),
        )
        counts[screening] = np.bincount(dataset["split"]).tolist()
        broken = [each["file"] for each in report()["quarantined"]["first"]]
        expected = ["training.zip/training/kappa_omega_m_0p31_s_12.npy"]
        assert broken == (expected if screening else [])
    assert counts == {True: [374, 94, 240], False: [384, 96, 240]}
