import numpy as np

from deepsphere.regridding.topology import topology_of

_TETRAHEDRON = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [2, 0, 3]])


def test_each_side_of_a_tetrahedron_joins_two_faces():
    topology = topology_of(_TETRAHEDRON)
    np.testing.assert_array_equal(topology.sharing, np.full(12, 2))
    assert len(topology.pairs) == 6
    for one, other in topology.pairs:
        ends = {topology.starts[one], topology.ends[one]}
        assert ends == {topology.starts[other], topology.ends[other]}
        assert one // 3 != other // 3
    assert not topology.disagreeing().any()
    np.testing.assert_array_equal(topology.parts, np.zeros(4))


def test_a_face_wound_the_other_way_disagrees_with_its_neighbours():
    topology = topology_of(np.concatenate([_TETRAHEDRON[:3], _TETRAHEDRON[3:, ::-1]]))
    faces = topology.pairs[topology.disagreeing()] // 3
    assert len(faces) == 3
    assert (faces == 3).any(axis=1).all()


def test_three_faces_at_a_side_are_no_neighbours():
    topology = topology_of(np.array([[0, 1, 2], [1, 0, 3], [0, 1, 4], [2, 1, 5]]))
    np.testing.assert_array_equal(topology.sharing[[0, 3, 6]], [3, 3, 3])
    np.testing.assert_array_equal(np.sort(topology.pairs // 3), [[0, 3]])
    np.testing.assert_array_equal(topology.parts, [0, 1, 2, 0])


def test_a_vertex_joins_nothing():
    topology = topology_of(np.array([[0, 1, 2], [2, 3, 4]]))
    assert len(topology.pairs) == 0
    np.testing.assert_array_equal(topology.parts, [0, 1])
