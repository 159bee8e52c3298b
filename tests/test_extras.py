"""Optional packages."""

import math

import pytest

from deepsphere.errors import DeepsphereError
from deepsphere.extras import import_extra


def test_what_is_installed_is_imported() -> None:
    assert import_extra("math", "numbers") is math


@pytest.mark.parametrize("name", ["healpy_that_is_not_there", "math.that_is_not_there"])
def test_what_is_not_installed_is_said_in_one_line(name: str) -> None:
    message = rf"^{name} is not installed; run: pip install 'deepsphere-pipeline\[numbers\]'$"
    with pytest.raises(DeepsphereError, match=message):
        import_extra(name, "numbers")
