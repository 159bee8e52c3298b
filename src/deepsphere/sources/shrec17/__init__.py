"""SHREC'17, track 3: retrieval of 51,162 meshes of ShapeNetCore, 55 classes, each turned once."""
