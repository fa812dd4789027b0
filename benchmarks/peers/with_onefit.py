"""onefit: nothing of its own, the lines are those of Keras."""

import onefit
from benchmarks.peers.keras_like import KerasLike


class Contestant(KerasLike):
    library = onefit
