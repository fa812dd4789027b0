"""How programs are compiled: which of XLA's ways is fast for which network.

On a CPU a loop of small steps is bound by dispatch, not arithmetic: XLA runs each
operation of the body by a call of its own, 0.05 to 0.1 us each. XLA can also emit a
whole loop as one native function (its small-loop hoisting), but by default only up to
1,024 bytes and only when no operation in it is a library call. For a network of a few
dozen multiplications that is the difference between 0.80 and 0.13 us a step (XOR), 7.8
and 0.62 us (coffee roasting); for a digit network it is a loss (18 and 42 us), because
the products of matrices are then plain loops. So the limit is lifted for the process,
and a program chooses by keeping library calls in (large networks) or out (small ones).
"""

import functools
import os
from typing import Any  # options of XLA: flags, numbers and texts

import jax

from onefit.programs import Program
from onefit.types import Function

__all__ = [
    "QUICK",
    "compiled",
    "compiles_little",
    "effort",
    "is_brief",
    "is_look",
    "is_small",
    "padded_size",
    "prepare",
]

SMALL_STEP = 64_000
"""Multiplications in a step below which one native function is faster."""

ROOM, FREE = 64, 1_000_000
"""Rows of a batch that fit into one program where so many multiplications are free."""

_LIMIT = "xla_cpu_small_while_loop_byte_threshold"
QUICK = {
    "xla_cpu_use_fusion_emitters": False,
    "xla_cpu_parallel_codegen_split_count": 1,
}
"""XLA's older way of making loops of fused operations, all in one module.

It compiles in two thirds of the time (XOR 0.21 to 0.14 s, 24 populations of it 12.6 to
6.3 s) and runs as fast where a step is small; digits would take a third longer. Each
module costs 2 ms, however little is in it: more of them, for more cores, gain nothing.
"""

_ONE_KERNEL = {"xla_cpu_experimental_ynn_fusion_type": ""} | QUICK

_LEVEL = "xla_backend_optimization_level"
_BRIEF = QUICK | {_LEVEL: 0}
"""As little compiling as there is: a seventh of the time for a recurrent network.

A step then takes three to twelve times as long (2 us, and 2 ns a multiplication).
"""

LOOK = 1 << 22
"""Multiplications of a look at rows up to which it is compiled like that, always.

Nothing is repeated in it, and its products are calls of a library. Judging 512 rows of
digits compiles in 36 ms in place of 154 and takes 0.18 ms in place of 0.15; at the
limit a recurrent network takes 0.5 ms longer, and compiles in 70 ms in place of 323.
"""
_WHOLE = {_LEVEL: 3, "xla_cpu_use_fusion_emitters": True}

_ONCE, _IN_ALL = 0.1, 1.0
"""Seconds that one program, and those of a process, may run longer for it."""


def prepare() -> None:
    """Lifts XLA's limit and keeps compiled programs on disk; at import.

    XLA reads its flags once, at first use, so a program that has used JAX before it
    imports onefit keeps XLA's own limit: slower on tiny networks, the same numbers.

    Programs are kept in `~/.cache/onefit/programs`, or where `ONEFIT_CACHE` says ('off'
    for nowhere), unless JAX has been given a folder already. It may be deleted at any
    time.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if "xla_backend_extra_options" not in flags:
        os.environ["XLA_FLAGS"] = (
            f"{flags} --xla_backend_extra_options={_LIMIT}=1000000000".strip()
        )
    default = os.path.join("~", ".cache", "onefit", "programs")
    folder = os.environ.get("ONEFIT_CACHE", default)
    if folder == "off" or jax.config.values["jax_compilation_cache_dir"] is not None:
        return
    folder = os.path.expanduser(folder)
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError:  # a home that cannot be written to: compile each time
        return
    if os.access(folder, os.W_OK):
        jax.config.update("jax_compilation_cache_dir", folder)
        # JAX would keep only what took a second; a whole fit compiles in less.
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)


class _Spare:
    """Seconds that programs may still run longer, in a process that compiles little."""

    left = 0.0
    asked = False


def compiles_little() -> None:
    """From here on what runs for a moment is compiled for a moment.

    For a process that runs one program once, such as `onefit run`: there compiling
    takes longer than what is compiled. Single operations and short fits are compiled
    without optimization, so their numbers differ by rounding.

    It comes before JAX has compiled anything: XLA reads its flags once.
    """
    flags = " ".join(f"--{k}={str(v).lower()}" for k, v in _BRIEF.items())
    before = os.environ["XLA_FLAGS"]
    os.environ["XLA_FLAGS"] = f"{flags} {before}"
    jax.jit(lambda x: x).lower(0).compile()  # has XLA read them; children are not told
    os.environ["XLA_FLAGS"] = before
    _Spare.left, _Spare.asked = _IN_ALL, True


def is_brief(multiplications: float, rows: int, steps: int = 1) -> bool:
    """Whether a program runs so short that optimizing it would take longer.

    Never, but in a process that compiles little; there, of many, only the first.

    Args:
        multiplications: Of one row's forward pass.
        rows: How many rows there are in a batch.
        steps: How many batches there are.
    """
    if not _Spare.asked or jax.default_backend() != "cpu":
        return False
    seconds = steps * (2e-6 + 2e-9 * 3 * rows * multiplications)
    if seconds > min(_ONCE, _Spare.left):
        return False
    _Spare.left -= seconds
    return True


def is_look(numbers: float, rows: int) -> bool:
    """Whether a look at rows is so little work that optimizing it takes longer.

    Never of one row, whose products are loops: there the time of an answer is what
    counts.

    Args:
        numbers: Of one row's forward pass, multiplications or values.
        rows: How many rows there are.
    """
    return rows > 1 and rows * numbers <= LOOK and jax.default_backend() == "cpu"


def effort(options: dict[str, Any] | None = None) -> dict[str, Any] | None:
    """How XLA compiles what is worth it: these options, and all of its passes."""
    return _WHOLE | (options or {}) if _Spare.asked else options


def is_small(multiplications: int, rows: int) -> bool:
    """Whether a step on so many rows is bound by dispatch rather than arithmetic.

    Args:
        multiplications: Of one row's forward pass; the backward pass takes twice as
            many.
        rows: How many rows there are in a batch.
    """
    return jax.default_backend() == "cpu" and 3 * rows * multiplications <= SMALL_STEP


def padded_size(rows: int, multiplications: int) -> int:
    """For how many rows a step is made, so that batches of other sizes fit in too.

    A power of two; where the arithmetic costs next to nothing, `ROOM`.
    """
    size = 1 << (rows - 1).bit_length()
    while size < ROOM and 6 * size * multiplications <= FREE:
        size *= 2
    return size


@functools.cache
def compiled(
    function: str | Function,
    small: bool,
    donate: bool = False,
    many: bool = False,
    brief: bool = False,
) -> Program:
    """The program of a function, made once a process.

    Args:
        function: A function, or the name of one in `program`. What it takes by keyword
            alone is static.
        small: Whether a step is bound by dispatch, as `is_small` says.
        donate: Whether it consumes what it is given of what moves through a fit.
        many: Whether it computes many networks at once, or no step but a look at rows:
            there library calls are not in the way, and quick compiling is what counts.
        brief: Whether it runs for a moment, as `is_brief` or `is_look` says.
    """
    from onefit.training import program

    made = getattr(program, function) if isinstance(function, str) else function
    options = (QUICK if many else _ONE_KERNEL) if small else None
    return Program(
        made,
        donate=("params", "train", "memories") if donate else (),
        options=(options or {}) | _BRIEF if brief else effort(options),
    )
