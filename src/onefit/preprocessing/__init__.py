"""Rows before they are rows: texts as numbers, sequences of one length, tables.

The names are those of `keras.preprocessing`. `text` has the old Tokenizer, `sequence`
what makes sequences of one length; `feature_space` encodes the columns of a table, and
is shown in `onefit.utils`. It uses layers, models and what those stand on.
"""

from onefit.preprocessing import sequence, text

__all__ = ["sequence", "text"]
