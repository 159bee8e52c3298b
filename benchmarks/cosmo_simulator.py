"""How fast are simulated skies made, and how far are the two universes apart?

For each nside: the seconds of the processors, those of all threads together, to find the spectra
and Gaussian fields of both universes, and to draw a map; after smoothing by sigma = 3 arcminutes,
or the pixels' size where that is larger, the skewness and the excess kurtosis of both universes,
with the standard deviation of single maps, and the ratio of their variances, with the spectra that
they have and with spectra made equal. Then the peak of memory.

The exit status is 1 if the variances of universes with equal spectra differ by more than 0.5 %, or
the universe of more fluctuations is not the more skewed one.

Run it with ``python benchmarks/cosmo_simulator.py``; it takes some minutes, or seconds with
``--nsides 64``.
"""

import argparse
import resource
import sys
import time

import healpy
import numpy as np
from scipy.stats import kurtosis, skew

from deepsphere.sources.cosmo.lognormal import draw_convergence
from deepsphere.sources.cosmo.simulator import simulated_universes

SMOOTHING = np.radians(3 / 60)
MAPS = {64: 20, 128: 12, 256: 6, 512: 3}
FEW_MAPS = 2
LARGEST_DIFFERENCE = 0.005


def main() -> int:
    """Print a line a universe; return the exit status."""
    parser = argparse.ArgumentParser(description="How fast are simulated skies made?")
    parser.add_argument("--nsides", type=int, nargs="+", default=[64, 256, 512])
    nsides = parser.parse_args().nsides
    print(
        "nside  spectra  set-up  s/map    Omega_m  skewness           kurtosis           variance"
    )
    missed = [print_universes(nside, matched) for nside in nsides for matched in (False, True)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"peak memory {peak:,.0f} MiB")
    return int(any(missed))


def print_universes(nside: int, matched: bool) -> bool:
    """Print what was measured; return whether it is not as it must be."""
    start = time.process_time()
    universes = simulated_universes(nside, matched=matched)
    set_up = time.process_time() - start
    seconds = 0.0
    moments: dict[float, list[tuple[float, float, float]]] = {one: [] for one in universes}
    for pair in range(MAPS.get(nside, FEW_MAPS)):
        for matter, universe in universes.items():
            start = time.process_time()
            values = draw_convergence(universe, (0, pair))
            seconds += time.process_time() - start
            sigma = max(SMOOTHING, healpy.nside2resol(nside))
            values = healpy.smoothing(values, sigma=sigma)
            moments[matter].append((skew(values), kurtosis(values), values.var()))
    drawn = sum(map(len, moments.values()))
    found = {matter: np.array(values) for matter, values in moments.items()}
    ratio = np.mean(found[0.26][:, 2] / found[0.31][:, 2])
    kind = "equal" if matched else "own"
    for matter, values in found.items():
        means, deviations = values.mean(axis=0), values.std(axis=0)
        print(
            f"{nside:5d}  {kind:7s}  {set_up:5.1f} s  {seconds / drawn:6.3f}   {matter:g}     "
            + "   ".join(
                f"{mean:6.3f} +- {deviation:5.3f}"
                for mean, deviation in zip(means[:2], deviations[:2], strict=True)
            )
            + f"   {ratio if matter == 0.26 else 1:.4f}"
        )
    less_skewed = bool(np.mean(found[0.26][:, 0] - found[0.31][:, 0]) <= 0)
    return less_skewed or (matched and abs(ratio - 1) > LARGEST_DIFFERENCE)


if __name__ == "__main__":
    sys.exit(main())
