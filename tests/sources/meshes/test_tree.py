"""Trees of classes and splits: which layout they have, and those that have none."""

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.sources.meshes.layouts import LAYOUTS
from deepsphere.sources.meshes.members import Member
from deepsphere.sources.meshes.tree import label_in_name, mesh_members, tree_entries

_SHARES = {"train": 0.6, "validation": 0.2, "test": 0.2}


def _members(*names: str) -> list[Member]:
    return [Member(name, len(name)) for name in names]


def _rows(*names: str, layout: str | None = None) -> list[tuple[str, str, str]]:
    entries = tree_entries("set", _members(*names), shares=_SHARES, seed=0, layout=layout)
    assert [entry.member for entry in entries] and all(entry.sublabel is None for entry in entries)
    assert all(entry.size == len(entry.member) and entry.archive == "set" for entry in entries)
    return [(entry.id, entry.label, entry.split) for entry in entries]


def test_modelnet() -> None:
    assert _rows(
        "ModelNet40/night_stand/train/night_stand_0001.off",
        "ModelNet40/airplane/test/airplane_0627.off",
        "ModelNet40/airplane/train/airplane_0001.off",
        "ModelNet40/.DS_Store",
        "ModelNet40/README.txt",
        "ModelNet40/airplane/train/._airplane_0001.off",
        "ModelNet40/airplane/train/airplane_0001.off.annot",
        "__MACOSX/ModelNet40/airplane/train/airplane_0001.off",
        ".cache/airplane/train/airplane_0009.off",
    ) == [
        ("airplane/test/airplane_0627", "airplane", "test"),
        ("airplane/train/airplane_0001", "airplane", "train"),
        ("night_stand/train/night_stand_0001", "night_stand", "train"),
    ]


@pytest.mark.parametrize("top", ["", "a/", "a/b/", "train/"])
def test_layouts_below_any_top(top: str) -> None:
    names = [f"{top}{name}" for name in ("chair/Train/1.off", "chair/val/2.OBJ", "sofa/test/1.ply")]
    assert [row[1:] for row in _rows(*names)] == [
        ("chair", "train"),
        ("chair", "validation"),
        ("sofa", "test"),
    ]
    names = [
        f"{top}{name}" for name in ("training/chair/1.off", "test/chair/1.off", "val/sofa/1.stl")
    ]
    assert _rows(*names) == [
        ("test/chair/1", "chair", "test"),
        ("training/chair/1", "chair", "train"),
        ("val/sofa/1", "sofa", "validation"),
    ]


def test_classes_in_names() -> None:
    names = ["train/night_stand_1.off", "test/sofa_1.off"]
    rows = [("test/sofa_1", "sofa", "test"), ("train/night_stand_1", "night_stand", "train")]
    assert _rows(*names) == rows
    assert _rows(*(f"top/{name}" for name in names), layout="split/file") == rows


def test_splits_are_drawn_where_there_are_none() -> None:
    names = [f"db/{label}/{number}.off" for label in ("train", "car", "bus") for number in range(9)]
    rows = _rows(*names)
    assert {label for _, label, _ in rows} == {"train", "car", "bus"}
    for label in ("train", "car", "bus"):
        assert {split for _, own, split in rows if own == label} == set(_SHARES)
    more = {key: split for key, _, split in _rows(*names, "db/van/1.off")}
    assert all(more[key] == split for key, _, split in rows)


def test_one_class_and_one_split_are_enough() -> None:
    assert _rows("top/bathtub/train/bathtub_0001.off", "top/bathtub/train/bathtub_0002.off") == [
        ("bathtub/train/bathtub_0001", "bathtub", "train"),
        ("bathtub/train/bathtub_0002", "bathtub", "train"),
    ]
    assert [row[1:] for row in _rows("train/chair/1.off", "train/sofa/1.off")] == [
        ("chair", "train"),
        ("sofa", "train"),
    ]


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "set holds 0 files, none of them a mesh: their names end in .off, .obj, .ply"),
        (["a/b.txt", "__MACOSX/a/c.off"], "set holds 2 files, none of them a mesh"),
        (["a.off", "b.off"], "set fits none of class/split/file, split/class/file, class/file, sp"),
        (["a.off"], "found 1 meshes, as 'a.off' (0 folders deep); move the files, or state `layou"),
        (["chair/1.off", "sofa/new/2.off"], "'chair/1.off' (1 folders deep), 'sofa/new/2.off' (2"),
        (["02691156/abc/model.obj", "02691156/def/model.obj", "03/a/model.obj"], "fits none of"),
        (["train/1.off", "test/2.off"], "fits none of"),
        (["chair/train/1.off", "sofa/2019/2.off"], "fits none of"),
        (["train/test/1.off", "train/train/2.off"], "fits class/split/file and split/class/file"),
        (["x/train/a_1.off", "x/train/b_1.off"], "fits class/split/file and split/file"),
    ],
)
def test_other_trees_are_refused_in_one_line(names: list[str], message: str) -> None:
    with pytest.raises(DeepsphereError) as caught:
        _rows(*names)
    assert message in str(caught.value)


def test_a_layout_can_be_stated() -> None:
    names = ("train/test/1.off", "train/train/2.off")
    assert [row[1:] for row in _rows(*names, layout="class/split/file")] == [
        ("train", "test"),
        ("train", "train"),
    ]
    assert [row[1:] for row in _rows(*names, layout="split/class/file")] == [
        ("test", "train"),
        ("train", "train"),
    ]
    assert {label for _, label, _ in _rows("train/1.off", "test/2.off", layout="class/file")} == {
        "train",
        "test",
    }
    for layout in LAYOUTS:
        with pytest.raises(DeepsphereError, match=f"set is not laid out as {layout}: found 1 mesh"):
            _rows("1.off", layout=layout)


def test_labels_in_names() -> None:
    assert label_in_name("a/night_stand_0001.off") == "night_stand"
    assert label_in_name("chair.off") == "chair"


def test_only_meshes_of_the_set() -> None:
    members = _members("a/1.off", "a/1.txt", ".a/1.off", "a/.1.off", "__MACOSX/1.off", "a/2.STL")
    assert [member.name for member in mesh_members(members)] == ["a/1.off", "a/2.STL"]
