"""What the four DeepSphere code bases offer, and the tests that run it here.

A row of the table is a feature of deepsphere-pytorch, deepsphere-cosmo-tf2, deepsphere-tf1 or
deepsphere-cosmo-tf1. A test that is renamed or deleted is missed here.
"""

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent

PARITY = {
    "Chebyshev convolution": "nn/test_chebyshev.py::"
    "test_values_and_gradients_in_every_basis_are_those_of_the_reference",
    "monomial convolution": "nn/test_bases.py::test_small_powers_are_those_of_the_tables",
    "Bernstein convolution": "nn/test_chebyshev.py::"
    "test_equal_bernstein_coefficients_multiply_by_themselves",
    "residual block": "nn/test_blocks.py::test_a_residual_block_adds_its_input_to_two_convolutions",
    "vision transformer": "nn/test_super_pixels.py::test_it_is_a_vision_transformer",
    "graph transformer": "nn/test_attention.py::"
    "test_a_transformer_is_pytorchs_with_all_but_the_neighbours_masked",
    "pseudo-convolution and its transpose": "nn/pooling/test_strided.py",
    "Gaussian smoothing": "nn/test_smoothing.py::"
    "test_each_channel_has_the_width_that_was_asked_for",
    "HEALPix average pooling": "nn/pooling/test_reduction.py::"
    "test_means_on_healpix_are_those_of_healpy",
    "HEALPix maximum pooling": "nn/pooling/test_reduction.py::"
    "test_maxima_on_healpix_are_those_of_pytorch",
    "maximum unpooling": "nn/pooling/test_expansion.py::test_maxima_on_healpix_go_back_as_pytorchs",
    "equiangular pooling": "nn/pooling/test_reduction.py::"
    "test_maxima_on_a_grid_are_those_of_pytorch",
    "equiangular unpooling": "nn/pooling/test_expansion.py::"
    "test_maxima_on_a_grid_go_back_as_pytorchs",
    "icosahedral pooling": "nn/pooling/test_reduction.py::"
    "test_a_stride_on_icosahedral_vertices_keeps_the_first_as_published",
    "icosahedral unpooling": "nn/pooling/test_expansion.py::"
    "test_icosahedral_vertices_are_filled_as_published",
    "graphs of stations": "stages/test_graph.py::test_stations_have_coarser_levels_too",
    "parts of the sky": "nn/models/test_classifier.py::test_what_is_in_the_padding_is_never_seen",
    "U-Net": "nn/models/test_unet.py::test_they_have_as_many_parameters_as_published",
    "stacked windows": "nn/test_temporal.py::test_a_window_becomes_channels_of_one_map",
    "recurrent networks": "nn/models/test_recurrent_unet.py",
    "statistics and learned histogram": "nn/test_statistics.py::"
    "test_bins_are_hats_of_learned_center_and_slope",
    "triplet loss": "training/test_losses.py::"
    "test_the_triplet_loss_is_that_of_loops_over_the_pairs",
    "masked loss": "training/test_losses.py::test_unknown_numbers_have_no_loss_and_no_gradient",
    "filter dropout": "nn/models/test_classifier.py::test_filters_are_dropped_in_training_only",
    "weighted cross entropy": "training/test_losses.py::test_cross_entropy_is_that_of_scikit_learn",
    "regression": "training/test_tasks.py::test_a_batch_is_learned_by_heart",
    "views of filters": "report/test_filters.py",
    "turning globe": "report/test_animations.py::test_a_turning_globe_moves_to_the_east",
    "learning-rate finder": "training/test_range_test.py",
    "settings in YAML": "config/test_configuration.py",
    "command line": "test_cli.py",
    "several devices": "training/test_loop_processes.py",
}


@pytest.mark.parametrize("feature", PARITY)
def test_there_is_a_test_of_the_feature(feature: str) -> None:
    file, _, name = PARITY[feature].partition("::")
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    tests = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert (name in tests) if name else any(test.startswith("test_") for test in tests)
