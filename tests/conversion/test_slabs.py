import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.conversion.opening import open_fields
from deepsphere.conversion.slabs import read_part
from deepsphere.errors import DeepsphereError

VALUES = np.arange(7 * 9 * 11).reshape(7, 9, 11)
LAYOUTS = {
    "contiguous": {},
    "chunked": {"chunks": (2, 4, 11)},
    "zlib": {"chunks": (2, 4, 11), "compression": "gzip"},
    "shuffled": {"chunks": (3, 9, 5), "compression": "gzip", "shuffle": True},
    "lzf": {"chunks": (2, 4, 11), "compression": "lzf"},
    "checked": {"chunks": (1, 9, 11), "compression": "gzip", "fletcher32": True},
}


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("slabs") / "file.h5"
    with h5py.File(path, "w") as file:
        for name, options in LAYOUTS.items():
            file.create_dataset(name, data=VALUES.astype(">f4"), **options)
        some = file.create_dataset(
            "some", VALUES.shape, "i2", chunks=(1, 9, 11), compression="gzip", fillvalue=-5
        )
        some[3] = 1
    with h5py.File(path, "r") as file:
        yield file


PARTS = st.one_of(
    st.integers(-7, 6),
    st.tuples(st.integers(0, 8), st.integers(0, 12)).map(lambda ends: slice(*sorted(ends))),
    st.just(slice(None)),
    st.just(slice(1, 7, 2)),
)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(st.sampled_from([*LAYOUTS, "some"]), st.tuples(PARTS, PARTS, PARTS))
def test_any_part_is_what_hdf5_reads(file, name, key):
    expected = file[name][...][key]
    found = read_part(file[name], key)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype == expected.dtype


def test_a_damaged_file_is_named(compressed):
    path = compressed("a.nc", 2, 40, 50)
    fields = open_fields(path)
    with h5py.File(path, "r") as file:
        chunk = file["t"].id.get_chunk_info(1)
    with path.open("r+b") as stream:
        stream.seek(chunk.byte_offset)
        stream.write(b"\0" * chunk.size)
    assert np.isfinite(fields["t"][0].values).all()
    with pytest.raises(DeepsphereError, match=r"a\.nc: /t cannot be read"):
        fields["t"][1].values  # noqa: B018
