"""What all sections of the configuration share."""

import difflib
from typing import Annotated, Any, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    StringConstraints,
    model_validator,
)
from pydantic_core import PydanticCustomError

NAME_PATTERN = "^[A-Za-z0-9][A-Za-z0-9_-]*$"
NAME_RULE = "use letters, digits, underscore and hyphen, the first a letter or digit"

Name = Annotated[str, StringConstraints(pattern=NAME_PATTERN)]
"""A name that becomes a part of file names and of the dotted paths of keys, so it has no dot."""


class StrictModel(BaseModel):
    """A frozen section of the configuration that refuses keys it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys_and_truth_as_number(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        for key in value:
            if key not in cls.model_fields:
                close = difflib.get_close_matches(str(key), cls.model_fields, n=1, cutoff=0.65)
                hint = f", did you mean {close[0]!r}?" if close else ";"
                raise wrong([key], f"unknown key{hint} allowed: {', '.join(cls.model_fields)}")
            # pydantic takes true, which YAML also writes as yes and on, for the number 1.
            if _has_truth(value[key]) and _is_number(cls.model_fields[key].annotation):
                raise wrong([key], "found true or false; give a number")
        return value


def wrong(path: list[str], message: str) -> PydanticCustomError:
    """Return the error that says what is wrong with a key below the section that is checked.

    Parameters
    ----------
    path : list of str
        Keys from the section to the wrong one.
    message : str
        What is wrong, what was found and what is allowed.
    """
    return PydanticCustomError("wrong", "{message}", {"path": tuple(path), "message": message})


def _has_truth(value: Any) -> bool:
    items = value if isinstance(value, list | tuple) else (value,)
    return any(isinstance(item, bool) for item in items)


def _is_number(annotation: Any) -> bool:
    parts = get_args(annotation)
    return annotation in (int, float) or any(_is_number(part) for part in parts)
