"""Training of many heads of one architecture as one program; a driver sizes packs without Keras or JAX."""

from trainables.training.packed.heads import group_by_shape, pack_size, shape_of
from trainables.training.packed.training import PackedTraining

__all__ = ["PackedTraining", "group_by_shape", "pack_size", "shape_of"]
