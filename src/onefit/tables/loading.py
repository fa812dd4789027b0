"""Models of tables from files."""

import os
from typing import TYPE_CHECKING, Any

from onefit.tables.file import read
from onefit.tables.model import TableModel
from onefit.tables.several import Several

if TYPE_CHECKING:
    from onefit.files import Limits

__all__ = ["load"]


def load(
    filepath: str | os.PathLike, limits: "Limits | None" = None
) -> Any:  # a TableModel, or Several: the file says which
    """The model in a file of `TableModel.save`; `onefit.load_model` opens it too.

    Args:
        filepath: The file.
        limits: How much it may ask for, if it is more than the usual.

    Raises:
        ValueError: A file that is not there, is damaged, or is no model of a table.
    """
    made = [TableModel(**told) for told in read(filepath, limits)]
    if len(made) == 1:
        return made[0]
    return Several({model.target.name: model for model in made})
