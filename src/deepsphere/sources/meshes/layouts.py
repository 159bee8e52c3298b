"""How the folders of a set of meshes may say its classes and splits, as in ModelNet.

Below any common top folders::

    class/split/file    chair/train/chair_0001.off    ModelNet
    split/class/file    train/chair/chair_0001.off
    class/file          chair/chair_0001.off          splits are drawn, or archives are splits
    split/file          train/chair_0001.off          the class is what stands before the last "_"
"""

from typing import Literal, get_args

Layout = Literal["class/split/file", "split/class/file", "class/file", "split/file"]

LAYOUTS: tuple[Layout, ...] = get_args(Layout)
