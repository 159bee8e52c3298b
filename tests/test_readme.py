"""The code in the README runs as it stands there."""

import re
from pathlib import Path
from typing import Any

import yaml

from deepsphere.config.configuration import check_configuration

README = Path(__file__).parents[1] / "README.md"


def test_the_code_of_the_library_section_runs() -> None:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 1
    names: dict[str, Any] = {}
    exec(compile(blocks[0], str(README), "exec"), names)
    shapes = {name: tuple(names[name].shape) for name in ("features", "logits", "masks")}
    assert shapes == {"features": (8, 3072, 16), "logits": (8, 10), "masks": (8, 3072, 2)}


def test_the_configuration_for_meshes_of_ones_own_is_complete() -> None:
    blocks = re.findall(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    [block] = [block for block in blocks if "standalone: true" in block]
    configuration = check_configuration(yaml.safe_load(block))
    assert configuration.sources["mine"].kind == "meshes"
    assert list(configuration.experiments) == ["mine"]
