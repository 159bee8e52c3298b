import numpy as np
from scipy.sparse import random_array

from deepsphere.graphs.lengths import edge_lengths
from deepsphere.graphs.points import chords
from deepsphere.graphs.threads import compiled_threads


def test_lengths_are_chords_bit_for_bit_and_the_same_both_ways(scattered):
    positions = scattered(200)
    one_sided = random_array((200, 200), density=0.05, rng=0, format="csr")
    joined = (one_sided + one_sided.T).tocsr()
    lengths = edge_lengths(joined, positions)
    rows, columns = joined.tocoo().coords
    np.testing.assert_array_equal(lengths, chords(positions[rows], positions[columns]))
    matrix = joined.copy()
    matrix.data = lengths
    assert not abs(matrix - matrix.T).count_nonzero()


def test_lengths_do_not_depend_on_threads(scattered):
    positions = scattered(300)
    joined = random_array((300, 300), density=0.1, rng=1, format="csr")
    with compiled_threads(1):
        one = edge_lengths(joined, positions)
    np.testing.assert_array_equal(one, edge_lengths(joined, positions))


def test_a_vertex_without_edges_has_no_lengths(scattered):
    joined = random_array((5, 5), density=0, rng=1, format="csr")
    assert edge_lengths(joined, scattered(5)).shape == (0,)
