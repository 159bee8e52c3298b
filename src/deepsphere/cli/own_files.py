"""Commands for files of one's own: they need neither a configuration nor a pipeline."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from deepsphere.cli.options import Threads


def regrid(
    paths: Annotated[
        list[Path], typer.Argument(help="Files, joined along time; last, the result: .zarr or .nc.")
    ],
    sampling: Annotated[str, typer.Option(help="The target, such as healpix:64.")],
    variables: Annotated[str | None, typer.Option(help="Names, separated by commas.")] = None,
    method: Annotated[
        Literal["auto", "conservative", "bilinear", "nearest"],
        typer.Option(help="auto: conservative, or bilinear where pixels are the smaller ones."),
    ] = "auto",
    winds: Annotated[
        list[str] | None, typer.Option(help="u,v: a wind, regridded as a vector.")
    ] = None,
    labels: Annotated[
        list[str] | None, typer.Option(help="A field of classes: each pixel gets the nearest.")
    ] = None,
    fractions: Annotated[
        list[str] | None, typer.Option(help="name=0,1,2: the share of each class.")
    ] = None,
    missing: Annotated[
        Literal["renormalize", "propagate"],
        typer.Option(help="What a pixel gets of sources that partly lack a value."),
    ] = "renormalize",
    threads: Threads = 2,
    memory: Annotated[int | None, typer.Option(min=1, help="Megabytes to stay below.")] = None,
) -> None:
    """Regrid fields of latitude and longitude to a sampling."""
    from deepsphere.conversion.command import class_lists, regrid_files, wind_pairs

    *sources, output = paths
    regrid_files(
        sources,
        output,
        sampling,
        method=method,
        missing=missing,
        variables=None if variables is None else [name.strip() for name in variables.split(",")],
        winds=wind_pairs(winds or []),
        labels=labels or [],
        fractions=class_lists(fractions or []),
        threads=threads,
        memory=None if memory is None else memory * 10**6,
    )


def predict(
    run: Annotated[Path, typer.Argument(help="Folder of a trained run: a seed's.")],
    source: Annotated[
        Path, typer.Argument(metavar="input", help="Fields: NetCDF, HDF5, GRIB or zarr.")
    ],
    output: Annotated[Path, typer.Argument(help="NetCDF file to write.")],
    channel: Annotated[
        list[str] | None,
        typer.Option(help="TMQ=tcwv: what a channel is called in the file; U850=u,level=850."),
    ] = None,
    threads: Threads = 2,
) -> None:
    """Apply a trained run to fields, and write the probability of each class on their own grid.

    Takes runs of segmentations, whose answer is a map, and of classifications, whose answer is one
    of each time. Runs that see several consecutive states leave out times that lack those before.
    """
    from deepsphere.prediction.channels import parse_choices
    from deepsphere.prediction.command import predict_file

    predict_file(run, source, output, parse_choices(channel or []), threads)
