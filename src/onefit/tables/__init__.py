"""Tables: rows as people have them in, predictions that can be trusted out."""

from onefit.tables.inputs import Goal, Inputs

__all__ = ["Goal", "Inputs"]
