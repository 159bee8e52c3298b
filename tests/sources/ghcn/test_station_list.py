"""Station list and inventory: genuine lines, and lines that are damaged."""

from pathlib import Path

import numpy as np
import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.ghcn.station_list import read_inventory, read_stations

GENUINE = """\
ACW00011604  17.1167  -61.7833   10.1    ST JOHNS COOLIDGE FLD
AE000041196  25.3330   55.5170   34.0    SHARJAH INTER. AIRP            GSN     41196
ASN00074133 -34.6000  146.4000 -999.9    YANCO EXP. FARM
BR00C4-0630  -6.5200  -37.7200  130.0    JERICO
US10adam001  40.5680  -98.5069  598.0 NE JUNIATA 1.5 S
CA1QC000038  45.5128  -73.5641   27.1 QC MONTRÉAL 1.8 S - JEANNE-MANCE
"""
INVENTORY = "ACW00011604  17.1167  -61.7833 TMAX 1949 1950\n"


def _write(tmp_path: Path, text: str, encoding: str = "utf-8") -> Path:
    path = tmp_path / "ghcnd-stations.txt"
    path.write_bytes(text.encode(encoding))
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
@pytest.mark.parametrize("width", [0, 85, 86])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_genuine_lines(tmp_path: Path, encoding: str, width: int, end: str) -> None:
    text = "".join(line.ljust(width) + end for line in GENUINE.splitlines())
    stations = read_stations(_write(tmp_path, text, encoding))
    assert stations.columns.tolist() == ["id", "longitude", "latitude", "elevation", "name"]
    assert stations["id"].tolist() == sorted(line[:11] for line in GENUINE.splitlines())
    row = stations.set_index("id").loc["CA1QC000038"]
    assert row["name"] == "MONTRÉAL 1.8 S - JEANNE-MANCE"
    assert (row["longitude"], row["latitude"], row["elevation"]) == (-73.5641, 45.5128, 27.1)
    assert np.isnan(stations.set_index("id").loc["ASN00074133", "elevation"])
    report = stations.attrs["report"]
    assert report["missing_elevations"] == 1
    assert report["malformed"] == {"count": 0, "first": []}
    assert report["lines"] == 6


def test_repeated_ids_and_shared_positions_are_counted(tmp_path: Path) -> None:
    lines = GENUINE.splitlines()
    moved = lines[0].replace("17.1167", "18.1167")
    neighbour = lines[1].replace("AE000041196", "AE000041197")
    stations = read_stations(_write(tmp_path, "\n".join([*lines, moved, neighbour])))
    assert len(stations) == 7
    assert stations["latitude"][0] == 18.1167
    assert stations.attrs["report"]["repeated_ids"] == 1
    assert stations.attrs["report"]["shared_positions"] == 1


@pytest.mark.parametrize("length", [5, 12, 18, 25, 33, 36])
def test_a_cut_last_line_is_left_out_and_quoted(tmp_path: Path, length: int) -> None:
    path = _write(tmp_path, GENUINE + "ZI000067983 -20.2000   32.6160 1132.0"[:length])
    stations = read_stations(path)
    assert len(stations) == 6
    malformed = stations.attrs["report"]["malformed"]
    assert malformed["count"] == 1
    assert malformed["first"][0].startswith("ghcnd-stations.txt:7:")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("ZI000067983 -90.2000   32.6160 1132.0", "not on Earth"),
        ("ZI000067983 -20.2000  182.6160 1132.0", "not on Earth"),
        ("ZI000067983 -2O.2000   32.6160 1132.0", "not a number"),
        ("ZI000067983      nan   32.6160 1132.0", "not a number"),
        ("ZI00006798  -20.2000   32.6160 1132.0", "not an id"),
        ("ZI0000679835-20.2000   32.6160 1132.0", "not an id"),
    ],
)
def test_a_damaged_line_is_quoted_and_two_are_too_many(
    tmp_path: Path, line: str, reason: str
) -> None:
    stations = read_stations(_write(tmp_path, line + "\n" + GENUINE))
    assert len(stations) == 6
    assert reason in stations.attrs["report"]["malformed"]["first"][0]
    with pytest.raises(DeepsphereError, match=r"2 of 8 lines are malformed.*stations\.txt:2: .*"):
        read_stations(_write(tmp_path, GENUINE[:63] + line + "\n" + GENUINE[63:] + line))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no station"),
        ("\n\n", "holds no station"),
        ("<html>\n", "is a web page"),
    ],
)
def test_no_list_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DeepsphereError, match=rf"ghcnd-stations\.txt {message}"):
        read_stations(_write(tmp_path, text))
    with pytest.raises(DeepsphereError, match=r"none\.txt is missing"):
        read_stations(tmp_path / "none.txt")


def test_inventory(tmp_path: Path) -> None:
    text = INVENTORY + INVENTORY.replace("TMAX", "TMIN") + INVENTORY[:30]
    inventory = read_inventory(_write(tmp_path, text))
    assert inventory["element"].tolist() == ["TMAX", "TMIN"]
    assert inventory[["first", "last"]].to_numpy().tolist() == [[1949, 1950]] * 2
    assert inventory.attrs["report"]["malformed"]["count"] == 1
    with pytest.raises(DeepsphereError, match="2 of 3 lines are malformed"):
        read_inventory(_write(tmp_path, INVENTORY + 2 * (INVENTORY[:41] + "today\n")))
    with pytest.raises(DeepsphereError, match="holds no line"):
        read_inventory(_write(tmp_path, " \n"))
