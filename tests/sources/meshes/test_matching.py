"""Rows of a table and the meshes they are about."""

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.matching import Matched, match_table
from deepsphere.sources.meshes.members import Member
from deepsphere.sources.meshes.table import read_table

_SHARES = {"train": 0.5, "test": 0.5}


def _match(table: str, archives: dict[str, list[str]]) -> Matched:
    members = {name: [Member(path, 5) for path in paths] for name, paths in archives.items()}
    rows = read_table("t.csv", table.encode())
    return match_table("t.csv", rows, members, shares=_SHARES, seed=0)


def test_shrec_anywhere_in_the_archives() -> None:
    matched = _match(
        "id,synsetId,subSynsetId,modelId,split\n"
        "000003,3,31,c,test\n000001,2,21,a,train\n43758,2,21,b,train\n",
        {
            "train_perturbed.zip": ["train_perturbed/000001.obj", "train_perturbed/000009.obj"],
            "test_perturbed.zip": ["test_perturbed/000003.obj", "__MACOSX/000001.obj", "a.mtl"],
        },
    )
    assert [(e.id, e.archive, e.member, e.label, e.sublabel, e.split) for e in matched.entries] == [
        (
            "000001",
            "train_perturbed.zip",
            "train_perturbed/000001.obj",
            "00000002",
            "00000021",
            "train",
        ),
        (
            "000003",
            "test_perturbed.zip",
            "test_perturbed/000003.obj",
            "00000003",
            "00000031",
            "test",
        ),
    ]
    assert matched.rows_without_file == ("043758",)
    assert matched.files_without_row == ("train_perturbed.zip/train_perturbed/000009.obj",)


def test_shrec_from_shapenet() -> None:
    matched = _match(
        "id,synsetId,modelId,split\n1,02691156,abc,train\n2,03001627,def,val\n3,03001627,ghi,val\n",
        {
            "v2.zip": [
                "ShapeNetCore.v2/02691156/abc/models/model_normalized.obj",
                "ShapeNetCore.v2/04379243/abc/models/model_normalized.obj",
                "ShapeNetCore.v2/03001627/def/model.obj",
            ],
            "other": ["ghi/model.obj"],
        },
    )
    assert [(entry.id, entry.member) for entry in matched.entries] == [
        ("000001", "ShapeNetCore.v2/02691156/abc/models/model_normalized.obj"),
        ("000002", "ShapeNetCore.v2/03001627/def/model.obj"),
        ("000003", "ghi/model.obj"),
    ]
    assert len(matched.files_without_row) == 1


def test_files_by_path_or_end_of_path() -> None:
    matched = _match(
        "file,label\nJet/1.obj,jet\ntop/Jet/2.obj,jet\n1.obj,jet\n",
        {"a": ["top/Jet/1.obj", "top/Jet/2.obj", "1.obj", "deep/1.obj"]},
    )
    assert [(entry.id, entry.member) for entry in matched.entries] == [
        ("1", "1.obj"),
        ("Jet/1", "top/Jet/1.obj"),
        ("top/Jet/2", "top/Jet/2.obj"),
    ]
    assert matched.files_without_row == ("a/deep/1.obj",)
    assert {entry.split for entry in matched.entries} == {"train", "test"}


@pytest.mark.parametrize(
    ("table", "archives", "message"),
    [
        (
            "id,label\n7,a\n",
            {"x": ["normal/7.obj", "perturbed/7.obj"]},
            "t.csv:2: '7' may be 'x/normal/7.obj' or 'x/perturbed/7.obj'; leave out one of them",
        ),
        (
            "id,synsetId\n7,a\n8,a\n",
            {"x.zip": ["b.obj"], "y.zip": []},
            "t.csv: no mesh of its 2 rows is among the 1 of x.zip, y.zip; the first of each are "
            "000007 and b.obj",
        ),
        ("id,label\n", {"x": []}, "no mesh of its 0 rows is among the 0 of x"),
    ],
)
def test_what_cannot_be_matched_is_refused(
    table: str, archives: dict[str, list[str]], message: str
) -> None:
    with pytest.raises(DeepsphereError) as caught:
        _match(table, archives)
    assert message in str(caught.value)
