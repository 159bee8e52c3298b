"""Made-up meshes in the layout of the files of SHREC'17, track 3, and their table of labels.

**These are not ShapeNet's models**: see :mod:`deepsphere.sources.meshes.simulated_shapes`, and the
comment in each file. Synset identifiers begin with 99, where WordNet has none, and identifiers of
models with ``simulated``.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from scipy.spatial.transform import Rotation

from deepsphere.sources.meshes.simulated_collection import SimulatedObject, simulated_objects
from deepsphere.sources.meshes.simulated_files import obj_text, write_table, write_zip
from deepsphere.sources.meshes.simulated_surfaces import turned
from deepsphere.sources.shrec17.catalogue import PERTURBED, TABLE

SPLITS = ("train", "val", "test")

_HELD_OUT = {"val": 0.1, "test": 0.2}
_FIRST_SYNSET = 99_000_000
_SYNSETS_PER_CLASS = 100
_NUMBERS, _TURN = 0, 1


def simulate_raw(source: dict[str, Any], folder: Path) -> None:
    """Write the archives of an edition and ``all.csv.gz``.

    The perturbed edition is ``{train,val,test}_perturbed.zip`` with
    ``<split>_perturbed/NNNNNN.obj``, each mesh turned once by a random rotation. The rebuilt one is
    ``<synset>.zip`` with ``<synset>/<model>/models/model_normalized.obj`` and the y axis upright,
    as in ShapeNetCore. The table has the columns ``id,synsetId,subSynsetId,modelId,split``.
    Numbers are given by chance, so they say nothing of class or split. The classes that are
    divided have two sub-synsets; in the others the sub-synset is the synset.

    Parameters
    ----------
    source : dict
        Settings; see :class:`deepsphere.sources.shrec17.settings.Source`.
    folder : Path
        Where to write the files.
    """
    models = _numbered(list(simulated_objects(source["simulate"], _HELD_OUT)))
    rows = [model.row for split in SPLITS for model in models if model.listed.split == split]
    write_table(folder / TABLE, ["id,synsetId,subSynsetId,modelId,split", *rows])
    if source["edition"] == "perturbed":
        for split, archive in zip(SPLITS, PERTURBED, strict=True):
            of_split = (model for model in models if model.listed.split == split)
            write_zip(folder / archive, map(_perturbed, of_split))
    else:
        for synset in sorted({model.synset for model in models}):
            of_synset = (model for model in models if model.synset == synset)
            write_zip(folder / f"{synset}.zip", map(_upright, of_synset))


@dataclass(frozen=True)
class _Model:
    """An object with the number that it has in the table."""

    number: int
    listed: SimulatedObject

    @property
    def identifier(self) -> str:
        return f"{self.number:06d}"

    @property
    def name(self) -> str:
        return f"simulated{self.number:023d}"

    @property
    def synset(self) -> int:
        return _FIRST_SYNSET + _SYNSETS_PER_CLASS * self.listed.class_number

    @property
    def row(self) -> str:
        divided = self.listed.shape_class.divided
        sub_synset = self.synset + 1 + self.listed.style if divided else self.synset
        return f"{self.identifier},{self.synset},{sub_synset},{self.name},{self.listed.split}"


def _numbered(listed: list[SimulatedObject]) -> list[_Model]:
    """Number objects by chance, skipping some as in the real table, and sort them by number."""
    count = len(listed)
    numbers = 1 + listed[0].chance(_NUMBERS).permutation(count + count // 100 + 1)[:count]
    models = [_Model(int(number), one) for number, one in zip(numbers, listed, strict=True)]
    return sorted(models, key=lambda model: model.number)


def _perturbed(model: _Model) -> tuple[str, bytes]:
    """Return the name and the content of a file of the perturbed edition."""
    shape = model.listed.draw()
    # A normal vector of four numbers, made a unit quaternion, has the uniform distribution.
    turn = Rotation.from_quat(model.listed.chance(_TURN).standard_normal(4))
    shape = replace(shape, vertices=turn.apply(shape.vertices))
    content = model.listed.broken(obj_text(shape, model.identifier))
    return f"{model.listed.split}_perturbed/{model.identifier}.obj", content


def _upright(model: _Model) -> tuple[str, bytes]:
    """Return the name and the content of a file of the rebuilt edition."""
    shape = turned(model.listed.draw(), "x", -90)
    content = model.listed.broken(obj_text(shape, "model_normalized"))
    return f"{model.synset}/{model.name}/models/model_normalized.obj", content
