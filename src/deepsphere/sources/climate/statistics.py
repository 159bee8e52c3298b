"""The published means and standard deviations of the channels of the level-5 archive.

They are those that UGSCNN and DeepSphere normalized with, taken over all states, test ones
included.

References
----------
Jiang, Huang, Kashinath, Prabhat, Marcus, Niessner: Spherical CNNs on unstructured grids (ICLR
2019), code of the fourth experiment.
"""

STATISTICS = {
    "TMQ": (26.160023, 17.04294),
    "U850": (0.98314494, 8.164175),
    "V850": (0.116573125, 5.6868863),
    "UBOT": (-0.45998842, 6.4967732),
    "VBOT": (0.1930554, 5.4465833),
    "QREFHT": (0.010749293, 0.006383436),
    "PS": (98356.03, 7778.5957),
    "PSL": (100982.02, 3846.1863),
    "T200": (216.13145, 9.791707),
    "T500": (258.9456, 14.35133),
    "PRECT": (3.765611e-08, 1.8771327e-07),
    "TS": (288.82578, 19.866386),
    "TREFHT": (288.03925, 19.094095),
    "Z1000": (342.4827, 624.22406),
    "Z200": (12031.449, 679.5602),
    "ZBOT": (63.435772, 4.2283397),
}
"""Mean and standard deviation by channel, in its unit."""
