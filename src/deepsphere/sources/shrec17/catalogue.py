"""The files of SHREC'17, and where they are to be had now that their server is gone.

Two editions have the same objects, labels and splits:

- ``perturbed``: the organisers' archives of OBJ files, each mesh turned once at random.
- ``rebuilt``: the archives of ShapeNetCore, from which the organisers took their meshes. We turn
  each mesh once, by a rotation drawn from its id: the same distribution, other rotations.

Both need the organisers' table ``all.csv.gz``, which is inside the archive of their evaluator.
"""

from collections.abc import Mapping, Sequence

from deepsphere.sources.meshes.catalogue import list_files, remote_files
from deepsphere.sources.remote import RemoteFile

TABLE = "all.csv.gz"
PERTURBED = ("train_perturbed.zip", "val_perturbed.zip", "test_perturbed.zip")
NAMES = {
    "02691156": "airplane",
    "02747177": "trash bin",
    "02773838": "bag",
    "02801938": "basket",
    "02808440": "bathtub",
    "02818832": "bed",
    "02828884": "bench",
    "02843684": "birdhouse",
    "02871439": "bookshelf",
    "02876657": "bottle",
    "02880940": "bowl",
    "02924116": "bus",
    "02933112": "cabinet",
    "02942699": "camera",
    "02946921": "can",
    "02954340": "cap",
    "02958343": "car",
    "02992529": "cellphone",
    "03001627": "chair",
    "03046257": "clock",
    "03085013": "keyboard",
    "03207941": "dishwasher",
    "03211117": "display",
    "03261776": "earphone",
    "03325088": "faucet",
    "03337140": "file cabinet",
    "03467517": "guitar",
    "03513137": "helmet",
    "03593526": "jar",
    "03624134": "knife",
    "03636649": "lamp",
    "03642806": "laptop",
    "03691459": "loudspeaker",
    "03710193": "mailbox",
    "03759954": "microphone",
    "03761084": "microwave",
    "03790512": "motorcycle",
    "03797390": "mug",
    "03928116": "piano",
    "03938244": "pillow",
    "03948459": "pistol",
    "03991062": "flowerpot",
    "04004475": "printer",
    "04074963": "remote control",
    "04090263": "rifle",
    "04099429": "rocket",
    "04225987": "skateboard",
    "04256520": "sofa",
    "04330267": "stove",
    "04379243": "table",
    "04401088": "telephone",
    "04460130": "tower",
    "04468005": "train",
    "04530566": "vessel",
    "04554684": "washer",
}
"""Names of the 55 classes by their synsets."""

_HASHES = {TABLE: "baf11dd27420f641e3cf14006ce13875abf642dcfb795c557cb90e97c011c43a"}
_TABLE_ADVICE = f"{TABLE} is inside https://shapenet.cs.stanford.edu/shrec17/code/evaluator.zip"
_ADVICE = {
    "perturbed": (
        "the organisers give their meshes to those who ask at "
        f"https://shapenet.cs.stanford.edu/shrec17; {_TABLE_ADVICE}; put {', '.join(PERTURBED)} "
        "and the table into a folder"
    ),
    "rebuilt": (
        "ShapeNetCore is given to those who accept its licence at https://shapenet.org or "
        f"https://huggingface.co/ShapeNet; {_TABLE_ADVICE}; put the archives, or the folders "
        "<synset>/<model>, and the table into a folder"
    ),
}


def catalogue(
    edition: str, files: Sequence[str], hashes: Mapping[str, str], mirrors: Sequence[str]
) -> tuple[RemoteFile, ...]:
    """Return the files of an edition.

    Parameters
    ----------
    edition : {"perturbed", "rebuilt"}
        Which.
    files : sequence of str
        Archives and folders of ShapeNetCore, for the rebuilt edition; see
        :func:`deepsphere.sources.meshes.catalogue.list_files`.
    hashes : mapping of str to str
        Known hash by name of a file.
    mirrors : sequence of str
        Where the files are.

    Raises
    ------
    DeepsphereError
        If ShapeNetCore cannot be listed, or a hash belongs to none of the files.
    """
    meshes = PERTURBED if edition == "perturbed" else list_files(files, mirrors)
    return remote_files([TABLE, *meshes], {**_HASHES, **hashes})


def advice(edition: str, source: str) -> str:
    """Say how to get the files of an edition.

    Parameters
    ----------
    edition : {"perturbed", "rebuilt"}
        Which.
    source : str
        What the configuration calls the source.
    """
    return f"{_ADVICE[edition]}, and add that to sources.{source}.mirrors"
