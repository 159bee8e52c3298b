"""Tables of meshes: their columns, and lines that cannot be read."""

import gzip

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.table import Row, read_table


def test_tables_of_shrec() -> None:
    text = (
        "id,synsetId,subSynsetId,modelId,split\n"
        "000772,02691156,02690373,521eab,test\n"
        "1119,2691156,2690373,50da48,val\n"
    )
    rows = [
        Row(2, "000772", None, "521eab", "02691156", "02690373", "test"),
        Row(3, "001119", None, "50da48", "02691156", "02690373", "validation"),
    ]
    assert read_table("all.csv", text.encode()) == rows
    assert read_table("all.csv.gz", gzip.compress(text.encode())) == rows
    assert read_table("all.csv", ("\ufeff" + text.replace("\n", "\r\n") + "\r\n").encode()) == rows


def test_tables_of_ones_own() -> None:
    rows = read_table("a.csv", b'FILE, Class ,notes\n"./b\\1,2.off",chair,"x\ny"\na/7.off,sofa,\n')
    assert rows == [
        Row(3, "b/1,2", "b/1,2.off", None, "chair", None, None),
        Row(4, "a/7", "a/7.off", None, "sofa", None, None),
    ]
    assert read_table("a.csv", b"label,id\nchair,7\n") == [
        Row(2, "7", None, None, "chair", None, None)
    ]
    rows = read_table("a.csv", b"id,label,sublabel\n7,chair,\n8,chair,stool\n")
    assert [row.sublabel for row in rows] == [None, "stool"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"",
            "t.csv:1: a table of meshes has columns `id` or `file`, and `label`, separated by co",
        ),
        (b"a;b\n1;2\n", "found 'a;b'"),
        (b"id,split\n", "found 'id', 'split'"),
        (b"label,split\n", "has columns `id` or `file`"),
        (b"id,label,class\n", "t.csv:1: two columns say the label; leave out 'class'"),
        (b"id,label\n1,a\n2\n", "t.csv:3: expected 2 values; found 1"),
        (b"id,label\n1,a,b\n", "t.csv:2: expected 2 values; found 3"),
        (b"id,label\n1, \n", "t.csv:2: no label"),
        (b"id,label\n\n,a\n", "t.csv:3: no id"),
        (b"id,label,split\n1,a,dev\n", "t.csv:2: 'dev' is no split (train, validation, test)"),
        (b"id,label\n1,a\n2,a\n1,b\n", "t.csv:4: '1' is on line 2 too"),
        (b"id,synsetId\n1,2\n000001,2\n", "t.csv:3: '000001' is on line 2 too"),
        (b'id,label\n1,"a\n', "t.csv:2: unexpected end of data"),
        (b"id,label\n1,\xe9\n", "t.csv is not text in UTF-8"),
        (b"\x1f\x8b\x00\x00", "t.csv is damaged gzip"),
        (gzip.compress(b"id,label\n1,a\n")[:-9], "t.csv is cut short, or has more than"),
        (gzip.compress(b"id,label\n" + bytes(70_000_000), 1), "has more than 67108864 bytes"),
    ],
)
def test_bad_tables_are_refused_in_one_line(content: bytes, message: str) -> None:
    with pytest.raises(DeepsphereError) as caught:
        read_table("t.csv", content)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
