"""Sequences of different lengths, by the names of `keras.preprocessing.sequence`."""

from onefit.utils import pad_sequences

__all__ = ["pad_sequences"]
