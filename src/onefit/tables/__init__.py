"""Tables: rows as people have them in, predictions that can be trusted out."""

from onefit.tables.inputs import Goal, Inputs
from onefit.tables.reading import chunks, read

__all__ = ["Goal", "Inputs", "chunks", "read"]
