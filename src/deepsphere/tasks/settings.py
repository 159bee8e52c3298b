"""What the settings of all kinds of task share."""

from collections.abc import Collection
from typing import Any, ClassVar

from pydantic import Field, field_validator

from deepsphere.config.base import Name, StrictModel
from deepsphere.config.published import Published

_ONLY_SHOWN = {"title", "published"}


class TaskSettings(StrictModel):
    """A task on some channels of a store."""

    model_kinds: ClassVar[tuple[str, ...]]

    kind: str = Field(description="the kind of task")
    title: str = Field(default="", description="the task's name in tables and figures")
    store: Name = Field(description="name of the store")
    channels: tuple[str, ...] = Field(
        min_length=1, description="channels of the store that the task uses"
    )
    published: dict[Name, Published] = Field(
        default_factory=dict,
        description="published results of baselines, by their names; those that the task does not "
        "compute are shown as well",
    )

    @field_validator("channels")
    @classmethod
    def _channels_differ(cls, channels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(channels)) != len(channels):
            raise ValueError("name each channel once")
        return channels

    @property
    def accepted_models(self) -> tuple[str, ...]:
        """The kinds of model that it takes, with these settings."""
        return self.model_kinds

    @property
    def looks_ahead(self) -> str | None:
        """Which setting uses knowledge of the test samples, if one does."""
        return None

    @property
    def shows_samples(self) -> bool:
        """Whether the report shows samples of the store."""
        return False

    def scoring_settings(self) -> dict[str, Any]:
        """Return the settings that any number depends on, as plain data: not what is only shown."""
        return self.model_dump(mode="json", exclude=_ONLY_SHOWN)

    def training_settings(self) -> dict[str, Any]:
        """Return the settings that training depends on, as plain data."""
        return self.scoring_settings()

    def check_store(self, channels: Collection[str], copies: Collection[str]) -> None:
        """Raise ValueError, beginning with the key, if the store lacks what the task names.

        Parameters
        ----------
        channels, copies : collection of str
            Names of the channels and of the sets of copies that the store has.
        """
        missing = [channel for channel in self.channels if channel not in channels]
        if missing:
            raise ValueError(f"channels: found {missing[0]!r}; its store has {', '.join(channels)}")
