"""Where the files go."""

from pydantic import Field

from deepsphere.config.base import StrictModel


class Paths(StrictModel):
    """Folders, relative to the working directory."""

    raw: str = Field(default="data/raw", description="raw files of the sources, verified")
    stores: str = Field(default="data/stores", description="zarr stores of samples")
    graphs: str = Field(default="data/graphs", description="graphs and their Laplacians")
    results: str = Field(default="results", description="models, metrics, figures, the report")
    logs: str = Field(default="logs", description="logs and benchmarks of the stages")
