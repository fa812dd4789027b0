"""Programs that were written for TensorFlow or Keras run as they are: `onefit run`.

A program is read first (`reading`, `checking`): what it uses and onefit has not is
listed before anything runs. Then it runs as Python itself would run it (`running`,
`notebook`), and its own files, those alone, get modules called `tensorflow` and `keras`
(`hook`). Such a module is put together of names (`standin`, after the tree in `names`):
Keras' are onefit's own, TensorFlow's are those of `tf`, a small eager library whose
tensors are jax's arrays.

This room stands on the whole library; only the command line knows it.

>>> standin("tensorflow").keras.layers.Dense is onefit.layers.Dense
True
"""

import ast
import os
import sys
from typing import Any

from onefit.scripts.hook import Hook, current
from onefit.scripts.names import ROOTS
from onefit.scripts.standin import standin

__all__ = ["install", "load_ipython_extension", "standin", "uninstall"]


def install() -> None:
    """From here on `import tensorflow` and `import keras` give onefit's stand-ins.

    In the main program, and in files of the folder that Python runs in; other packages
    get what is really installed.

    Raises:
        ImportError: TensorFlow or Keras has been imported already.
    """
    if current() is not None:
        return
    loaded = [root for root in ROOTS if root in sys.modules]
    if loaded:
        raise ImportError(
            f"onefit.scripts.install: received {loaded[0]} that has been imported "
            "already; expected a fresh Python. Restart the kernel, and write "
            "%load_ext onefit.scripts in its first cell."
        )
    Hook([os.getcwd()]).install()


def uninstall() -> None:
    """Takes the stand-ins away again; what was imported stays."""
    hook = current()
    if hook is not None:
        hook.uninstall()


class Cells(ast.NodeTransformer):
    """Puts older spellings right in each cell of a live notebook, and tells them."""

    def __init__(self) -> None:
        self._reader: Any = None

    def visit(self, node: ast.AST) -> ast.AST:
        """The cell, as it is to be run."""
        from onefit.scripts.checking import changed
        from onefit.scripts.reading import Reader

        self._reader = self._reader or Reader()
        if isinstance(node, ast.Module):
            for change in changed(self._reader.read(node).uses):
                print(f"onefit: {change}", file=sys.stderr)
        return node


def load_ipython_extension(ipython: Any) -> None:
    """`%load_ext onefit.scripts` in a notebook."""
    install()
    ipython.ast_transformers.append(Cells())


def unload_ipython_extension(ipython: Any) -> None:
    """`%unload_ext onefit.scripts` in a notebook."""
    uninstall()
    kept = [t for t in ipython.ast_transformers if not isinstance(t, Cells)]
    ipython.ast_transformers[:] = kept
