"""Keras 3, on the backend that KERAS_BACKEND names."""

import keras
import numpy as np

from benchmarks.peers.keras_like import KerasLike


class Contestant(KerasLike):
    library = keras

    def __init__(self, work, *args, steps_per_execution=1, **kwargs):
        # Keras wants no more steps in a call than there are in an epoch.
        steps = min(steps_per_execution, work.steps)
        super().__init__(work, *args, steps_per_execution=steps, **kwargs)

    def predict_row(self) -> np.ndarray:
        # What its documentation advises for one batch: predict() is slower here.
        return np.asarray(self.model.predict_on_batch(self.x[:1]))
