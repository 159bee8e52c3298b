"""Which fetched files are maps, and what the table or their names say of them."""

import zipfile
from pathlib import Path

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.cosmo.listed import list_entries

NAMES = ["kappa_omega_m_0p26_s_1.npy", "kappa_omega_m_0p31_s_1.npy"]


def fill(raw: Path, loose: list[str], **archives: list[str]) -> set[str]:
    """Write empty files: nothing is read but names."""
    raw.mkdir(exist_ok=True)
    for name in loose:
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        (raw / name).write_bytes(b"")
    for name, members in archives.items():
        with zipfile.ZipFile(raw / f"{name}.zip", "w") as archive:
            for member in members:
                archive.writestr(member, b"")
    return {path.relative_to(raw).as_posix() for path in raw.rglob("*") if path.is_file()}


def source(labels: str | None = None, mask: str | None = None) -> dict[str, str | None]:
    return {"labels": labels, "mask": mask}


def test_published_archives(tmp_path: Path) -> None:
    junk = ["__MACOSX/training/._kappa_omega_m_0p26_s_1.npy", "training/README.md"]
    training = [f"training/{name}" for name in NAMES]
    files = fill(tmp_path / "raw", [], training=[*training, *junk], testing=[NAMES[0], "x.npy"])
    found = list_entries(tmp_path / "raw", files, source())
    assert [(entry.name, entry.split) for entry in found.entries] == [
        ("testing.zip/kappa_omega_m_0p26_s_1.npy", "test"),
        ("training.zip/training/kappa_omega_m_0p26_s_1.npy", "train"),
        ("training.zip/training/kappa_omega_m_0p31_s_1.npy", "train"),
    ]
    assert found.report == {"files_passed_over": {"count": 1, "first": ["x.npy"]}}


def test_table_names_files_by_any_end_of_their_path(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    files = fill(raw, ["a/m.npy", "b/m.npy", "mask.fits", "t.csv", "n.FITS"], z=["c/o.npy"])
    (raw / "t.csv").write_text(
        "file,label,note\nb/m.npy,x,q\nz.zip/c/o.npy,y,q\nn.FITS,y,q\np.npy,x,q\n"
    )
    found = list_entries(raw, files, source("t.csv", "mask.fits"))
    assert [(entry.name, entry.label) for entry in found.entries] == [
        ("b/m.npy", "x"),
        ("n.FITS", "y"),
        ("z.zip/c/o.npy", "y"),
    ]
    assert found.report == {
        "rows_without_file": {"count": 1, "first": ["p.npy"]},
        "columns_passed_over": ["note"],
        "files_passed_over": {"count": 1, "first": ["a/m.npy"]},
    }


def test_mask_is_one_file_wherever_others_have_its_name(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    files = fill(raw, ["m.npy", "t.csv"], y=["m.npy"], z=["m.npy"])
    (raw / "t.csv").write_text("file,label\nz.zip/m.npy,y\nm.npy,x\n")
    found = list_entries(raw, files, source("t.csv", "y.zip/m.npy"))
    assert [entry.name for entry in found.entries] == ["m.npy", "z.zip/m.npy"]
    (raw / "t.csv").write_text("file,label\nz.zip/m.npy,y\ny.zip/m.npy,x\n")
    found = list_entries(raw, files, source("t.csv", "m.npy"))
    assert [entry.name for entry in found.entries] == ["y.zip/m.npy", "z.zip/m.npy"]


def test_whole_name_comes_before_an_end(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    files = fill(raw, ["m.npy", "a/m.npy", "t.csv"])
    (raw / "t.csv").write_text("file,label\nm.npy,x\na/m.npy,y\n")
    found = list_entries(raw, files, source("t.csv"))
    assert [entry.member for entry in found.entries] == ["m.npy", "a/m.npy"]


def test_table_may_be_in_an_archive(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    with zipfile.ZipFile(raw / "z.zip", "w") as archive:
        archive.writestr("t.csv", "file,Omega_m\nm.npy,0.3\n")
        archive.writestr("m.npy", b"")
    found = list_entries(raw, {"z.zip"}, source("z.zip/t.csv"))
    assert found.entries[0].parameters == (("Omega_m", 0.3),)


def test_what_cannot_be_told_apart_is_refused(tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    files = fill(raw, ["a/m.npy", "b/m.npy", "t.csv"])
    (raw / "t.csv").write_text("file,label\nm.npy,x\n")
    with pytest.raises(DeepsphereError, match=r"m.npy may be ./a/m.npy or ./b/m.npy"):
        list_entries(raw, files, source("t.csv"))


@pytest.mark.parametrize("loose", [[], ["m.npy"]])
def test_nothing_known(tmp_path: Path, loose: list[str]) -> None:
    files = fill(tmp_path / "raw", loose)
    with pytest.raises(DeepsphereError, match=r"nothing is known of the maps.*name a table"):
        list_entries(tmp_path / "raw", files, source())


def test_files_that_were_not_fetched_are_passed_over(tmp_path: Path) -> None:
    fill(tmp_path / "raw", NAMES)
    found = list_entries(tmp_path / "raw", NAMES[:1], source())
    assert [entry.member for entry in found.entries] == NAMES[:1]
