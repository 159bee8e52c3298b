"""Where the files go."""

from pathlib import PurePosixPath
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from deepsphere.config.base import StrictModel, wrong

PATH_PATTERN = r"^[\w./][\w./@%+=:,-]*$"
PATH_RULE = "use letters, digits and ./_-@%+=:, as the paths stand in commands and in patterns"

Folder = Annotated[
    str,
    StringConstraints(pattern=PATH_PATTERN),
    AfterValidator(lambda path: str(PurePosixPath(path))),
]


class Paths(StrictModel):
    """Folders, relative to the working directory."""

    raw: Folder = Field(default="data/raw", description="raw files of the sources, verified")
    stores: Folder = Field(default="data/stores", description="zarr stores of samples")
    graphs: Folder = Field(default="data/graphs", description="graphs and their Laplacians")
    results: Folder = Field(default="results", description="models, metrics, figures, the report")
    logs: Folder = Field(default="logs", description="logs and benchmarks of the stages")

    @model_validator(mode="after")
    def _are_different(self) -> "Paths":
        first: dict[str, str] = {}
        for name, folder in self:
            if folder in first:
                raise wrong(
                    [name],
                    f"found {folder!r}, which is {first[folder]} too; give each its own folder",
                )
            first[folder] = name
        return self
