"""Programs: functions compiled for each structure of what they are given, and freed.

JAX compiles a function for the structure and the shapes of its arguments, and keeps
what it has compiled as long as the function lives. Of functions that live as long as
the process that is too long: a program takes about 2 MB and ten to forty of the 65,530
memory maps that Linux grants a process, and where none is left, compiling ends it.

So a `Program` makes a function of its own for each structure, and those that have been
used least recently are let go where they were compiled for more than `BUDGET` shapes.
What JAX keeps by itself, of single operations and of what it has traced, is let go with
all else after `CLEARED` compilations. What is used again is compiled again, or read
from the folder of programs.
"""

import contextlib
import ctypes
import functools
import inspect
import itertools
import sys
import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeAlias

import jax

from onefit.types import Function, Shape, Tree

__all__ = ["BUDGET", "CLEARED", "Program", "Spread", "Spreading", "compilations"]
__all__ += ["calls", "in_step", "spread", "spread_by", "spreading", "trim"]

BUDGET = 128
"""Compiled programs that a process keeps."""

CLEARED = 1024
"""Compilations, of single operations too, after which JAX begins anew."""


class Spread(Protocol):
    """What spreads programs over devices (`onefit.distribution`)."""

    def shared(self, batch: Tree) -> Tree:
        """In a program: the rows of a batch, on each device a share of them."""
        ...

    def whole(self, tree: Tree) -> Tree:
        """Arrays that each device has as a whole."""
        ...

    def laid_out(self, tree: Tree, weights: Sequence[tuple[str, Shape]]) -> Tree:
        """Weights, and what has their shapes, given the paths and shapes of weights."""
        ...

    def kept(self, tree: Tree) -> Tree:
        """In a program: weights, and what has their shapes, stay as they were laid."""
        ...

    def agreed(self, seed: int, told: dict[str, int]) -> int:
        """The seed of all processes, where all are asked for the same fit."""
        ...

    def ended(self) -> None:
        """The fit has ended."""

    @property
    def together(self) -> bool:
        """Whether several processes run a fit: they cut it alike, by no clock."""
        ...

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes."""
        ...

    def check(self, batch: int, weights: int, seconds: float) -> None:
        """Refuses what one device would do sooner."""


Spreading: TypeAlias = contextlib.AbstractContextManager[None]

_spread: list[Spread | None] = [None]


def spread() -> Spread | None:
    """What spreads programs over devices now; None for one device."""
    return _spread[0]


def spread_by(value: Spread | None) -> None:
    """Has programs spread by this one from here on."""
    _spread[0] = value


def in_step() -> bool:
    """Whether several processes run a fit together: then no clock may cut it."""
    over = spread()
    return over is not None and over.together


@contextlib.contextmanager
def spreading(value: Spread | None) -> Iterator[None]:
    """Has programs spread by this one inside the block."""
    before = spread()
    spread_by(value)
    try:
        yield
    finally:
        spread_by(before)


class _Form:
    """A program's function for one structure.

    Attributes:
        call: The function, of the leaves of its arguments.
        compiled: For how many shapes it was compiled.
        used: When it was called last, in calls.
    """

    def __init__(self, call: Function) -> None:
        self.call, self.compiled, self.used = call, 0, 0


class _Kept:
    """The functions of all programs, and what was compiled."""

    def __init__(self) -> None:
        self.forms: dict[tuple, _Form] = {}
        self.lock, self.calls = threading.Lock(), itertools.count(1)
        self.every = self.ours = self.cleared = self.called = 0
        jax.monitoring.register_event_duration_secs_listener(self._hear)

    def _hear(self, event: str, duration_secs: float, **kwargs: str | int) -> None:
        """Counts what is compiled in this process, or read from a folder."""
        del duration_secs, kwargs
        self.every += event == "/jax/core/compile/backend_compile_duration"

    def note(self, form: _Form, compiled: int) -> None:
        """Counts what a call has compiled, and lets go of what is too much."""
        with self.lock:
            form.compiled += compiled
            self.ours += compiled
            forms = sorted(self.forms.items(), key=lambda item: item[1].used)
            held = sum(each.compiled for _, each in forms)
            for key, each in forms[:-1]:
                if held <= BUDGET:
                    break
                self.forms.pop(key)
                held -= each.compiled
            if self.every - self.cleared > CLEARED:
                self.cleared = self.every
                jax.clear_caches()
                trim()


def trim() -> None:
    """Gives memory back to the system that the C library keeps after it was freed.

    Compiling takes and frees very many small pieces, and glibc keeps what lies between
    those in use: after a few hundred layers of many kinds more than a gigabyte.
    """
    if sys.platform == "linux":
        give_back = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if give_back is not None:  # a C library other than glibc has none
            give_back(0)


_kept = _Kept()


def compilations() -> int:
    """How often programs were compiled in this process so far, or read from a folder.

    What JAX compiles for single operations is not among them.
    """
    return _kept.ours


def calls() -> int:
    """How many programs this process has called."""
    return _kept.called


class Program:
    """A pure function, compiled for each structure of its arguments.

    Args:
        function: What it takes by keyword alone is static: a program for each value.
        donate: The arguments whose arrays a call consumes.
        options: How XLA compiles it.
    """

    def __init__(
        self,
        function: Function,
        donate: Iterable[str] = (),
        options: dict[str, Any] | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.function, self.options = function, options
        names = inspect.signature(function).parameters
        self.donated = [i for i, name in enumerate(names) if name in donate]

    def __call__(self, *args: Any, **static: Any) -> Any:
        """What the function gives."""
        leaves, nest = jax.tree.flatten(args)
        key = (self, nest, spread(), *static.items())
        form = _kept.forms.get(key)
        if form is None:
            form = _Form(self._made(args, nest, static))
            form = _kept.forms.setdefault(key, form)
        form.used = _kept.called = next(_kept.calls)
        before = _kept.every
        result = form.call(*leaves)
        if _kept.every != before:
            _kept.note(form, _kept.every - before)
        return result

    def _made(self, args: tuple, nest: Any, static: dict[str, Any]) -> Function:
        """The function of the leaves of such arguments."""

        def flat(*leaves: Any) -> Any:
            return self.function(*jax.tree.unflatten(nest, leaves), **static)

        flat.__name__ = flat.__qualname__ = self.function.__name__
        sizes = [len(jax.tree.leaves(arg)) for arg in args]
        consumed = [sum(sizes[:i]) + at for i in self.donated for at in range(sizes[i])]
        return jax.jit(flat, donate_argnums=consumed, compiler_options=self.options)
