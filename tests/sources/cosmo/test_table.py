"""Tables of maps: columns, parameters, wrong rows."""

import gzip

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.cosmo.table import Row, read_table

TEXT = """file,Omega_m,Seed,split,sigma_8,note,class
a.npy, 0.26 ,3,train,9.1e-1,first,x
b\\c.fits,0.31,,val,0.82,4,y
"""


@pytest.mark.parametrize("packed", [True, False])
def test_columns(packed: bool) -> None:
    content = TEXT.encode("utf-8-sig")
    rows, others = read_table("t.csv", gzip.compress(content) if packed else content)
    assert rows == [
        Row(2, "a.npy", "x", 3, "train", (("Omega_m", 0.26), ("sigma_8", 0.91))),
        Row(3, "b/c.fits", "y", None, "validation", (("Omega_m", 0.31), ("sigma_8", 0.82))),
    ]
    assert others == ["note"]


def test_file_is_enough() -> None:
    assert read_table("t.csv", b"file\na\n\nb\n")[0] == [
        Row(2, "a", None, None, None, ()),
        Row(4, "b", None, None, None, ()),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a column `file`.*found nothing"),
        ("name,label\na,b\n", "found 'name', 'label'"),
        ("file,label,class\na,b,c\n", "two columns say the label"),
        ("file,x,x\na,1,2\n", "two columns are called 'x'"),
        ("file,label\na\n", "t.csv:2: expected 2 values; found 1"),
        ("file,label\na,\n", "t.csv:2: no label"),
        ("file,seed\na,-1\n", "the seed '-1'"),
        ("file,seed\na,4294967296\n", "the seed '4294967296'"),
        ("file,seed\na,²\n", "the seed"),
        ("file,split\na,dev\n", "'dev' is no split"),
        ("file,patch\na,1\n", "'patch' cannot be the name of a parameter"),
        ('file,x\n"a,1\n', "t.csv:"),
        ("file,H0/100\na,1\n", "'H0/100' cannot be the name"),
        ("file,..\na,1\n", "'..' cannot be the name"),
        ("file,zarr.json\na,1\n", "'zarr.json' cannot be the name"),
        (f"file,{'x' * 300}\na,1\n", "cannot be the name"),
    ],
)
def test_wrong_tables(text: str, message: str) -> None:
    with pytest.raises(DeepsphereError, match=message):
        read_table("t.csv", text.encode())


@pytest.mark.parametrize(
    "content",
    [
        b"file\n\xff\n",
        "file\na\n".encode("utf-16"),
        gzip.compress(b"file\na\n" * 99)[:-12],
        gzip.compress(b"file\na\n") + b"more",
    ],
    ids=["not UTF-8", "UTF-16", "cut short", "followed by something else"],
)
def test_damaged_tables(content: bytes) -> None:
    with pytest.raises(DeepsphereError, match=r"UTF-8|damaged gzip"):
        read_table("t.csv", content)


def test_gzip_of_several_parts_is_read_whole() -> None:
    """Such as compressed tables that were put one behind the other."""
    content = gzip.compress(b"file\na\n") + gzip.compress(b"b\n") + bytes(9)
    assert [row.file for row in read_table("t.csv", content)[0]] == ["a", "b"]


def test_large_table_is_not_unpacked() -> None:
    with pytest.raises(DeepsphereError, match="more than 67108864 bytes"):
        read_table("t.csv", gzip.compress(bytes(2**26 + 1), 1))


@pytest.mark.parametrize(
    "text",
    [
        "file,label\r\na,x\r\nb,y\r\n",
        "file,label,,\na,x,,\nb,y,,\n,,,\n",
        ",file,label\n0,a,x\n1,b,y\n",
        "file,label\na,x\nb,y\n   \n",
    ],
    ids=["CRLF", "commas of a spreadsheet", "row numbers of pandas", "blanks"],
)
def test_what_programs_add(text: str) -> None:
    rows, others = read_table("t.csv", text.encode())
    assert [(row.file, row.label, row.parameters) for row in rows] == [
        ("a", "x", ()),
        ("b", "y", ()),
    ]
    assert not any(others)


@pytest.mark.parametrize("word", ["nan", "inf", "", "x", "1_0", "\u0663"])
def test_columns_that_are_not_all_numbers_are_no_parameters(word: str) -> None:
    rows, others = read_table("t.csv", f"file,x\na,1\nb,{word}\n".encode())
    assert [row.parameters for row in rows] == [(), ()]
    assert others == ["x"]
