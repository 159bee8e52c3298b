"""What all sections of the configuration share."""

import difflib
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""A name that becomes part of a file name: letters, digits, dot, underscore and hyphen."""


class StrictModel(BaseModel):
    """A frozen section of the configuration that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        for key in value:
            if key not in cls.model_fields:
                close = difflib.get_close_matches(str(key), cls.model_fields, n=1)
                hint = f"; did you mean {close[0]!r}?" if close else ""
                allowed = ", ".join(cls.model_fields)
                raise ValueError(f"unknown key {key!r}{hint} (allowed: {allowed})")
        return value
