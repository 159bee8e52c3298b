"""Settings of the Dask cluster that stores are made on."""

from urllib.parse import urlsplit

from pydantic import Field, field_validator

from deepsphere.config.base import StrictModel


class Dask(StrictModel):
    """Where stores are made. It decides no number, so changing it makes nothing stale."""

    cluster: str = Field(
        default="local",
        description="local: in the process and with the cores and memory of the job; slurm: across "
        "the nodes of one Slurm job; or the address of a running scheduler, such as tcp://host:8786",
    )
    tasks: int = Field(
        default=4,
        ge=3,
        description="processes of cluster: slurm, of which one schedules and one waits for the "
        "others",
    )

    @field_validator("cluster")
    @classmethod
    def _cluster_is_known(cls, cluster: str) -> str:
        address = urlsplit(cluster)
        if cluster not in ("local", "slurm") and not (address.scheme and address.netloc):
            raise ValueError("give local, slurm or an address such as tcp://host:8786")
        return cluster
