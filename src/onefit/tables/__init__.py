"""Tables: rows as people have them in, predictions that can be relied on out.

`read` makes a table of any file, `fit` finds what its columns are for, prepares them by
the training rows of each fold, and trains networks; the `TableModel` answers about
other rows, says what is odd about them, and keeps all in one file. It is built on
layers, training and populations; the command line and the estimators stand on it.
"""

from onefit.tables.inputs import Goal, Inputs
from onefit.tables.loading import load
from onefit.tables.making import fit
from onefit.tables.model import TableModel
from onefit.tables.reading import chunks, read
from onefit.tables.several import Several

__all__ = ["Goal", "Inputs", "Several", "TableModel", "chunks", "fit", "load", "read"]
