"""What the published names say."""

import pytest

from deepsphere.sources.cosmo.entries import Entry
from deepsphere.sources.cosmo.published import find_entry

PARAMETERS = {
    "0p26": (("Omega_m", 0.26), ("sigma_8", 0.91)),
    "0p31": (("Omega_m", 0.31), ("sigma_8", 0.82)),
}


@pytest.mark.parametrize("omega_m", ["0p26", "0p31"])
@pytest.mark.parametrize(
    ("archive", "folder", "split"),
    [
        ("training.zip", "training/", "train"),
        ("testing.zip", "", "test"),
        ("all.zip", "data/testing/", "test"),
        (".", "training/", "train"),
        (".", "", None),
    ],
)
def test_names(omega_m: str, archive: str, folder: str, split: str | None) -> None:
    member = f"{folder}kappa_omega_m_{omega_m}_s_7.npy"
    label = f"Omega_m {omega_m.replace('p', '.')}"
    expected = Entry(archive, member, label, PARAMETERS[omega_m], 7, split)
    assert find_entry(archive, member) == expected


def test_other_universes_have_no_known_sigma_8() -> None:
    entry = find_entry(".", "kappa_omega_m_0p3_s_12.fits.gz")
    assert entry is not None
    assert entry.parameters == (("Omega_m", 0.3),)


@pytest.mark.parametrize(
    "member", ["kappa.npy", "kappa_omega_m_0p26.npy", "xkappa_omega_m_0p26_s_1.npy"]
)
def test_other_names(member: str) -> None:
    assert find_entry(".", member) is None
