"""Fetching genuine GHCN-Daily files from a folder, as on a machine without network."""

from pathlib import Path

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.download import fetch_files
from deepsphere.sources.ghcn.catalogue import catalogue, hint

DATA = Path(__file__).parents[2].parent / "shared/data/ghcn"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason=f"real data not found: {DATA}")


@pytest.mark.parametrize(
    ("records", "years", "mirrors"),
    [
        ("by-year", (2010, 2010), [DATA]),
        ("by-year", (1872, 1872), [DATA]),
        ("ghcnd_hcn.tar.gz", (2010, 2014), [DATA]),
        ("stations", (2010, 2014), [DATA / "dly_full", DATA]),
    ],
)
def test_genuine_files_pass_the_checks(
    tmp_path: Path, records: str, years: tuple[int, int], mirrors: list[Path]
) -> None:
    texts = [str(mirror) for mirror in mirrors]
    files = catalogue(records, years, {}, texts)
    fetched = fetch_files(files, texts, tmp_path)
    assert [file.name for file in fetched] == [file.name for file in files]
    assert fetch_files(files, texts, tmp_path) == fetched
    if records == "stations":
        assert len(fetched) == 2 + 15


def test_missing_year_is_answered_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(DeepsphereError, match=r"it has no by_year/2011\.csv\.gz"):
        fetch_files(catalogue("by-year", (2010, 2011), {}, [str(DATA)]), [str(DATA)], tmp_path)
    assert "ghcnd_hcn.tar.gz" in hint("by-year", [str(DATA)])
