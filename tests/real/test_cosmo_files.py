"""Genuine HEALPix files: WMAP and NaMaster maps, read as healpy reads them."""

from pathlib import Path

import healpy
import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.samplings.healpix import Healpix
from deepsphere.sources.cosmo.entries import Entry
from deepsphere.sources.cosmo.masks import read_mask
from deepsphere.sources.cosmo.preparation import Recipe, prepare_maps
from deepsphere.sources.cosmo.reader import LOOSE, read_sky
from deepsphere.sources.cosmo.skies import averaged, lacking
from deepsphere.workers import Workers

DATA = Path(__file__).parents[2].parent / "shared/data/cosmo/healpix"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"real data not found: {DATA}")

WMAP = "wmap_band_iqumap_r9_7yr_W_v4_udgraded32.fits"
MASKED = "wmap_band_iqumap_r9_7yr_W_v4_udgraded32_masked.fits"
ANALYSIS_MASK = "wmap_temperature_analysis_mask_r9_7yr_v4_udgraded32.fits"


@pytest.mark.parametrize(
    ("name", "columns", "nside"),
    [
        (WMAP, ("I_STOKES", "Q_STOKES", "U_STOKES"), 32),
        (MASKED, (0, 1, 2), 32),
        (ANALYSIS_MASK, (0,), 32),
        ("namaster_mps.fits", ("TEMPERATURE", 1, "U_POLARISATION"), 64),
        ("namaster_mask_lss.fits", (0,), 256),
        ("namaster_star_template_nside512.fits.gz", ("I",), 512),
    ],
)
def test_files_are_read_as_healpy_reads_them(
    name: str, columns: tuple[int | str, ...], nside: int
) -> None:
    for number, column in enumerate(columns):
        sky = read_sky(DATA, LOOSE, name, column, None)
        expected = healpy.read_map(DATA / name, field=number)
        assert sky.nside == nside
        np.testing.assert_array_equal(sky.values, expected)
        found = averaged(sky, 8)
        degraded = healpy.ud_grade(expected.astype(float), 8, order_out="NESTED")
        unseen = degraded == healpy.UNSEEN
        np.testing.assert_array_equal(np.isnan(found), unseen)
        np.testing.assert_allclose(found[~unseen], degraded[~unseen], rtol=1e-12, atol=1e-14)


def test_masked_map_fits_its_mask() -> None:
    """The masked map of WMAP lacks 4,686 pixels: those of the analysis mask."""
    assert lacking(read_sky(DATA, LOOSE, MASKED, 0, None)) == 4686
    seen = read_mask(DATA, ANALYSIS_MASK, 32, None)
    assert (~seen).sum() == 4686
    values = averaged(read_sky(DATA, LOOSE, MASKED, 0, None), 32)
    np.testing.assert_array_equal(np.isnan(values), ~seen)


def test_masked_map_is_prepared_with_its_mask_and_broken_without(tmp_path: Path) -> None:
    """As healpy smoothes it, which takes pixels that were not seen for zero."""
    entries = [Entry(LOOSE, MASKED, "W", (), None, None)]
    sigma, sphere = np.radians(2.0), Healpix(32)
    recipe = Recipe(DATA, tmp_path / "without", 32, sigma, (0, 1, 2), None)
    reason = prepare_maps(recipe, entries, Workers())[0].reason
    assert reason is not None
    assert "has no value in 4,686 of 12,288 pixels" in reason
    np.save(tmp_path / "seen.npy", read_mask(DATA, ANALYSIS_MASK, 32, None))
    recipe = Recipe(DATA, tmp_path / "with", 32, sigma, (0, 1, 2), None, seen=tmp_path / "seen.npy")
    assert prepare_maps(recipe, entries, Workers())[0].reason is None
    prepared = np.load(recipe.path(0))
    for channel in range(3):
        values = healpy.read_map(DATA / MASKED, field=channel, dtype=float)
        unseen = values == healpy.UNSEEN
        values[~unseen] -= values[~unseen].mean()
        expected = sphere.from_ring(healpy.smoothing(values, sigma=sigma))
        kept = ~sphere.from_ring(unseen)
        np.testing.assert_allclose(prepared[kept, channel], expected[kept], atol=1e-6)


def test_flat_maps_are_no_healpix_maps() -> None:
    """Ray-traced convergence on a flat patch, as an image."""
    flat = DATA.parent / "lenstools_kappa_flat"
    with pytest.raises(DeepsphereError, match="holds no binary table"):
        read_sky(flat, LOOSE, "convergence_z118.fit", 0, None)
