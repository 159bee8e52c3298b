"""The HDF5 files of CAM5 with heuristic labels, as in the benchmark DeepCAM of MLPerf HPC."""
