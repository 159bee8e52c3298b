import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepsphere.errors import DeepsphereError
from deepsphere.tasks.ranked_lists import RankedLists
from deepsphere.tasks.retrieval_files import read_lists, write_lists

IDS = ["000080", "000003", "043758", "000221"]


def lists_of(members, list_of):
    return RankedLists([np.array(one, int) for one in members], np.array(list_of))


def test_files_are_laid_out_as_the_evaluator_wants_them(tmp_path):
    folder = tmp_path / "ours"
    write_lists(folder, lists_of([[2, 0], [3, -1, 1]], [0, 1, 0, -1]), IDS)
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")}
    assert sorted(files) == ["test_perturbed"] + [f"test_perturbed/{x}" for x in sorted(IDS[:3])]
    assert files["test_perturbed/000080"].read_bytes() == b"043758\n000080\n"
    assert files["test_perturbed/000003"].read_bytes() == b"000221\n000003\n"
    assert files["test_perturbed/043758"].read_bytes() == b"043758\n000080\n"
    assert [path.name for path in tmp_path.iterdir()] == ["ours"]


@settings(derandomize=True, max_examples=40, deadline=None)
@given(st.data())
def test_what_is_written_is_read_back(tmp_path_factory, data):
    names = st.text(min_size=1, max_size=12).filter(lambda text: text not in (".", ".."))
    ids = data.draw(
        st.lists(names, min_size=1, max_size=6, unique_by=lambda text: text.rjust(6, "0"))
    )
    entries = st.lists(st.integers(0, len(ids) - 1), min_size=1, max_size=8)
    members = data.draw(st.lists(entries, min_size=1, max_size=4))
    which = st.integers(-1, len(members) - 1)
    list_of = data.draw(st.lists(which, min_size=len(ids), max_size=len(ids)))
    folder = tmp_path_factory.mktemp("method")
    write_lists(folder, lists_of(members, list_of), ids, "val_normal")
    found = read_lists(folder / "val_normal", ids)
    answers = [found.members[k].tolist() if k >= 0 else None for k in found.list_of]
    assert answers == [members[k] if k >= 0 else None for k in list_of]
    texts = {tuple(members[k]) for k in list_of if k >= 0}
    assert len(found.members) == len(texts)


def test_files_of_others_are_read_as_the_evaluator_reads_them(tmp_path):
    (tmp_path / "80").write_text("80 0.25 more\n\n043758\t1\r\n999999\n3\n")
    (tmp_path / "000003").write_text("221\n000003")
    (tmp_path / "999999").write_text("000080\n")
    (tmp_path / ".DS_Store").write_bytes(b"\x00\xff")
    (tmp_path / "000221").mkdir()
    found = read_lists(tmp_path, IDS)
    assert found.list_of[2:].tolist() == [-1, -1]
    assert found.members[found.list_of[0]].tolist() == [0, 2, -1, 1]
    assert found.members[found.list_of[1]].tolist() == [3, 1]


def test_no_more_than_counts_is_read(tmp_path):
    (tmp_path / "000080").write_text("000003\n" * 2000)
    assert read_lists(tmp_path, IDS).members[0].tolist() == [1] * 1000


def test_new_lists_replace_old_ones_whole_and_refused_ones_leave_them(tmp_path):
    folder = tmp_path / "ours"
    write_lists(folder, lists_of([[0]], [0, 0, 0, 0]), IDS)
    write_lists(folder, lists_of([[1]], [-1, 0, -1, -1]), IDS)
    assert [path.name for path in (folder / "test_perturbed").iterdir()] == ["000003"]
    with pytest.raises(DeepsphereError, match="that of the query 043758 is empty"):
        write_lists(folder, lists_of([[1], [-1]], [-1, 0, 1, -1]), IDS)
    assert [path.name for path in (folder / "test_perturbed").iterdir()] == ["000003"]
    assert [path.name for path in tmp_path.iterdir()] == ["ours"]


def test_no_name_leaves_the_folder(tmp_path):
    # The last is how Python gives a name that is not UTF-8.
    ids = ["../../out", "/root", "a b\nc", "…", "\udcff"]
    folder = tmp_path / "inner" / "ours"
    write_lists(folder, lists_of([[0, 1, 2, 3, 4]], [0] * 5), ids)
    names = sorted(path.name for path in (folder / "test_perturbed").iterdir())
    assert names == sorted(["..%2F..%2Fout", "%2Froot", "a%20b%0Ac", "%E2%80%A6", "%ED%B3%BF"])
    assert [path.name for path in tmp_path.iterdir()] == ["inner"]


@pytest.mark.parametrize("bad", ["", ".", "..", "x" * 256, "…" * 30])
def test_names_that_are_none_of_a_file_are_refused(tmp_path, bad):
    with pytest.raises(DeepsphereError, match=r"ranked lists: '.*' cannot name a file"):
        write_lists(tmp_path / "ours", lists_of([[0]], [0, 0]), ["000001", bad])
    assert not list(tmp_path.iterdir())


def test_two_objects_of_one_name_are_refused(tmp_path):
    with pytest.raises(DeepsphereError, match="objects 0 and 2 have one name, '80' and '000080'"):
        write_lists(tmp_path / "ours", lists_of([[0]], [0] * 3), ["80", "81", "000080"])
    with pytest.raises(DeepsphereError, match="objects 0 and 1 have one name"):
        read_lists(tmp_path, ["80", "80"])


def test_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(DeepsphereError, match=r"there is no folder .*test_perturbed; give one"):
        read_lists(tmp_path / "test_perturbed", IDS)


def test_wrong_calls_are_refused(tmp_path):
    with pytest.raises(ValueError, match="expected a name an object, found"):
        write_lists(tmp_path / "ours", lists_of([[0]], [0]), IDS)
    with pytest.raises(ValueError, match=r"expected one of train_normal, .*; found 'test'"):
        write_lists(tmp_path / "ours", lists_of([[0]], [0] * 4), IDS, "test")
