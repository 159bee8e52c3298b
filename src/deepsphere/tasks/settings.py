"""What the settings of all kinds of task share."""

from pydantic import Field, field_validator

from deepsphere.config.base import Name, StrictModel


class TaskSettings(StrictModel):
    """A task on some channels of a store."""

    kind: str = Field(description="the kind of task")
    title: str = Field(default="", description="the task's name in tables and figures")
    store: Name = Field(description="name of the store")
    channels: tuple[str, ...] = Field(
        min_length=1, description="channels of the store that the task uses"
    )

    @field_validator("channels")
    @classmethod
    def _channels_differ(cls, channels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(channels)) != len(channels):
            raise ValueError("name each channel once")
        return channels

    @property
    def looks_ahead(self) -> str | None:
        """Which setting uses knowledge of the test days, if one does."""
        return None

    def check_channels(self, channels: tuple[str, ...]) -> None:
        """Raise ValueError if the store, whose channels are given, lacks one."""
        missing = [channel for channel in self.channels if channel not in channels]
        if missing:
            raise ValueError(f"channels: found {missing[0]!r}; its store has {', '.join(channels)}")
