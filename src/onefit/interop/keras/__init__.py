"""Keras: live models to and from onefit, and a live model trained here.

`fit` trains a Keras model in place, `from_keras` and `to_keras` make one of the other,
by way of the format of Keras' files, which the room `files` reads and writes. It uses
models, training and files; Keras is imported by the functions that need it.
"""

from onefit.interop.keras.live import fit, from_keras, to_keras
from onefit.models.loading import load_model

__all__ = ["fit", "from_keras", "load_model", "to_keras"]
