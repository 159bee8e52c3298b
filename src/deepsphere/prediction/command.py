"""``deepsphere predict``: what a trained run says of a user's file, as a NetCDF file."""

import logging
from collections.abc import Mapping
from pathlib import Path

from deepsphere.conversion.writing import write_netcdf
from deepsphere.errors import DeepsphereError
from deepsphere.locks import lock_path, only_writer
from deepsphere.prediction.fields import raw_predictions
from deepsphere.training.devices import find_device
from deepsphere.workers import Workers

_LOG = logging.getLogger(__name__)
_SUFFIXES = (".nc", ".nc4")


def predict_file(
    run: Path,
    source: Path,
    output: Path,
    channels: Mapping[str, str] | None = None,
    threads: int = 1,
) -> None:
    """Apply a run to a file and write what it says.

    Parameters
    ----------
    run : Path
        Folder of a trained run.
    source : Path
        A NetCDF, HDF5 or GRIB file, or a zarr group.
    output : Path
        The NetCDF file, which appears when it is finished and must not be there before.
    channels : mapping of str to str, optional
        See :func:`~deepsphere.prediction.fields.predict_fields`.
    threads : int
        Blocks that are read at once.

    Raises
    ------
    DeepsphereError
        If the output is there or has another suffix than ``.nc`` or ``.nc4``, or for what
        :func:`~deepsphere.prediction.fields.predict_fields` refuses.
    """
    if output.suffix not in _SUFFIXES:
        raise DeepsphereError(f"predict: the output is NetCDF, so {output} must end with .nc")
    if output.exists():
        raise DeepsphereError(
            f"predict: {output} exists; delete it, or give the result another name"
        )
    dataset = raw_predictions(run, source, channels, device=find_device("auto"))
    with only_writer(output):
        write_netcdf(dataset, output, Workers(threads))
        lock_path(output).unlink(missing_ok=True)
    sizes = ", ".join(f"{name} {size}" for name, size in dataset.sizes.items())
    _LOG.info("%s is finished: %s (%s)", output, ", ".join(map(str, dataset.data_vars)), sizes)
