"""Models to and from files. The room `files` is imported when it is first needed."""

import importlib
import os
from typing import TYPE_CHECKING, cast

from onefit.models.model import Model
from onefit.spellings import keras_keywords
from onefit.types import Identifier

if TYPE_CHECKING:
    from onefit.files.limits import Limits

__all__ = ["load_model", "model_from_json", "save_model"]

OPENERS = {"table.json": "onefit.tables"}
"""Rooms further up that have a `load` for another kind of file, by a member of its zip.

They stand on models, so they are named here and imported when such a file comes.
"""


@keras_keywords
def load_model(
    filepath: str | os.PathLike,
    custom_objects: dict[str, Identifier] | None = None,
    compile: bool = True,
    safe_mode: bool = True,
    limits: "Limits | None" = None,
) -> Model:  # or a TableModel; of nearly all files it is this
    """The model in a `.keras` or `.h5` file of onefit or Keras, ready to go on.

    It is a Sequential or a Model of inputs and outputs, as it was when it was saved; or
    the model of a table, in a file of `TableModel.save`.
    In an `.h5` file of Keras 2, what `compile` said is taken up where Keras 3 has it
    too; else a warning says why not.

    Args:
        filepath: The file.
        custom_objects: Your own classes (subclasses of Layer, Loss and so on) and
            functions, by the names that the file has.
        compile: Whether to take up what `compile` said and the optimizer's state.
        safe_mode: Accepted for Keras' scripts. Code in a file is never run, so False
            is as safe as True, and a Lambda of Python code is refused by both.
        limits: How much the file may ask for, if it is more than the usual.

    Raises:
        ValueError: A file that is not there, is damaged, or has what onefit has not.

    Example:
        >>> import tempfile
        >>> from onefit import Input, Sequential
        >>> from onefit.layers import Dense
        >>> model = Sequential([Input((2,)), Dense(1)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     model.save(f"{folder}/model.keras")
        ...     again = load_model(f"{folder}/model.keras")
        >>> x = np.ones((1, 2))
        >>> bool(np.all(again.predict(x) == model.predict(x)))
        True
    """
    from onefit.files import archive, keras

    del safe_mode
    for member in OPENERS.keys() & archive.listed(filepath):
        opener = importlib.import_module(OPENERS[member])
        return cast(Model, opener.load(filepath, limits))
    return cast(Model, keras.load_model(filepath, custom_objects, compile, limits))


@keras_keywords
def model_from_json(
    json_string: str,
    custom_objects: dict[str, Identifier] | None = None,
    limits: "Limits | None" = None,
) -> Model:
    """The model of what `to_json` wrote, with fresh weights and what `compile` said.

    It is read as strictly as a file: see `load_model`.

    Args:
        json_string: What `model.to_json()` gave, of onefit or Keras.
        custom_objects: Your own classes and functions, by the names in it.
        limits: How much it may ask for, if it is more than the usual. The weights may
            have `limits.size` bytes.

    Raises:
        ValueError: No JSON, no model, or what onefit has not.

    Example:
        >>> from onefit import Input, Sequential
        >>> from onefit.layers import Dense
        >>> model = Sequential([Input((2,)), Dense(1)])
        >>> model_from_json(model.to_json()).count_params()
        3
    """
    from onefit.files import keras

    return cast(Model, keras.model_from_json(json_string, custom_objects, limits))


@keras_keywords
def save_model(
    model: Model, filepath: str | os.PathLike, overwrite: bool = True
) -> None:
    """Writes a model to a `.keras` or `.h5` file, as `model.save` does."""
    model.save(filepath, overwrite)
