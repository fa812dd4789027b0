"""Process-wide choices: the float type, the random stream, the language."""

import contextlib
import contextvars
import dataclasses
import itertools
import os
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

import numpy as np

from onefit.errors import OnefitWarning, invalid, is_whole, mistyped, unknown

if TYPE_CHECKING:
    import jax

    from onefit.types import ArrayLike

__all__ = [
    "DTypePolicy",
    "backend",
    "disable_flash_attention",
    "disable_interactive_logging",
    "disable_traceback_filtering",
    "dtype_policy",
    "enable_flash_attention",
    "enable_interactive_logging",
    "enable_traceback_filtering",
    "enable_unsafe_deserialization",
    "epsilon",
    "floatx",
    "generator",
    "image_data_format",
    "is_flash_attention_enabled",
    "is_interactive_logging_enabled",
    "is_nnx_enabled",
    "is_traceback_filtering_enabled",
    "language",
    "max_epochs",
    "max_steps_per_epoch",
    "precision",
    "set_backend",
    "set_dtype_policy",
    "set_epsilon",
    "set_floatx",
    "set_image_data_format",
    "set_language",
    "set_max_epochs",
    "set_max_steps_per_epoch",
    "set_random_seed",
]


HALVES = ("bfloat16", "float16")
"""The float types of half the digits, which layers may compute in."""
_MIXED = "mixed_"


@dataclasses.dataclass(frozen=True, repr=False)
class DTypePolicy:
    """The types of a layer's numbers: of its weights, and of what it computes.

    "mixed_bfloat16" and "mixed_float16" compute in half the digits with weights in
    float32, so that small steps are not lost; any other policy is one type for both.

    Attributes:
        name: "float32", "float64", "bfloat16", "float16", "mixed_bfloat16",
            "mixed_float16"; or the type of a layer of whole numbers or text.

    Raises:
        TypeError: A name that is no string.
        ValueError: An unknown one.

    >>> policy = DTypePolicy("mixed_bfloat16")
    >>> policy.compute_dtype, policy.variable_dtype
    ('bfloat16', 'float32')
    """

    name: str

    def __post_init__(self) -> None:
        if self.name is None:  # as Keras has it: the policy of new layers
            object.__setattr__(self, "name", dtype_policy().name)
        if not isinstance(self.name, str):
            raise mistyped(
                "DTypePolicy", repr(self.name), "a name, such as 'mixed_bfloat16'"
            )
        if self.name.startswith(_MIXED) and self.compute_dtype in HALVES:
            return
        floats = ("float32", "float64", *HALVES)
        whole = (f"{kind}{n}" for kind in ("int", "uint") for n in (8, 16, 32, 64))
        if self.name not in {*whole, *floats, "bool", "string"}:
            known = (*floats, *(_MIXED + half for half in HALVES))
            raise unknown("DTypePolicy", self.name, known)

    @property
    def compute_dtype(self) -> str:
        """The type that the layer computes in."""
        return self.name.removeprefix(_MIXED)

    @property
    def variable_dtype(self) -> str:
        """The type of the weights."""
        return "float32" if self.name.startswith(_MIXED) else self.name

    @property
    def quantization_mode(self) -> None:
        """None: weights are never quantized."""
        return None

    def get_config(self) -> dict[str, str]:
        """The settings by Keras' names."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, str]) -> Self:
        """A policy with these settings."""
        return cls(**config)

    def serialized(self) -> dict[str, object]:
        """The policy as the config of a layer has it, in Keras' form."""
        return {
            "module": "keras",
            "class_name": "DTypePolicy",
            "config": self.get_config(),
            "registered_name": None,
        }

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


_floatx = "float32"
_policy: str | None = None
_flash: bool | None = None
_image_data_format = "channels_last"
_interactive = True
_floatx_here: contextvars.ContextVar[str | None] = contextvars.ContextVar(
    "floatx", default=None
)
_stream = np.random.SeedSequence()
_language = os.environ.get("ONEFIT_LANGUAGE", "en")
LANGUAGES = ("en", "ko")


def floatx() -> str:
    """The float type of new weights and of data: 'float32' unless set."""
    return _floatx_here.get() or _floatx


def set_floatx(value: str) -> None:
    """Sets the float type; 'float64' also lets JAX compute in it.

    Raises:
        ValueError: Anything but 'float32' and 'float64'.
    """
    global _floatx  # noqa: PLW0603
    _known("set_floatx", value)
    import jax

    jax.config.update("jax_enable_x64", value == "float64")
    _floatx = value


@contextlib.contextmanager
def precision(value: str) -> Iterator[None]:
    """Computes in a float type inside the block, in this thread alone.

    In "float64" layers with policies of half the digits compute in it, too: so the
    gradients of a formula are checked.

    Raises:
        ValueError: Anything but 'float32' and 'float64'.

    >>> with precision("float64"):
    ...     layer = onefit.layers.Dense(1)
    ...     _ = layer.build((None, 2))
    >>> layer.get_weights()[0].dtype, floatx()
    (dtype('float64'), 'float32')
    """
    _known("precision", value)
    import jax

    token = _floatx_here.set(value)
    try:
        with jax.enable_x64(value == "float64"):
            yield
    finally:
        _floatx_here.reset(token)


def _known(where: str, value: str) -> None:
    if value not in ("float32", "float64"):
        raise invalid(where, repr(value), "'float32' or 'float64'")


def epsilon() -> float:
    """Keras' fuzz factor, 1e-7: keeps logarithms and divisions finite."""
    return 1e-7


def set_epsilon(value: float) -> None:
    """Refused but for 1e-7, which the formulas of losses and layers are written for.

    Raises:
        ValueError: Another value.
    """
    if value != epsilon():
        raise invalid(
            "set_epsilon",
            repr(value),
            f"{epsilon()}",
            "give epsilon= to the layer or the optimizer that is to have another",
        )


def image_data_format() -> str:
    """Where the channels of images stand, if a layer is not told: 'channels_last'."""
    return _image_data_format


def set_image_data_format(data_format: str) -> None:
    """Sets where the channels of images stand in layers that are not told.

    Raises:
        ValueError: Anything but 'channels_last' and 'channels_first'.

    >>> set_image_data_format("channels_first")
    >>> onefit.layers.Conv2D(3, 2).data_format
    'channels_first'
    >>> set_image_data_format("channels_last")
    """
    global _image_data_format  # noqa: PLW0603
    known = ("channels_last", "channels_first")
    if data_format not in known:
        raise unknown("image_data_format", data_format, known)
    _image_data_format = data_format


def backend() -> str:
    """What computes: 'jax'."""
    return "jax"


def set_backend(backend: str) -> None:
    """Refused but for 'jax'.

    Raises:
        ValueError: Another backend.
    """
    if backend != "jax":
        raise invalid("set_backend", repr(backend), "'jax', which onefit is made of")


def dtype_policy() -> DTypePolicy:
    """The policy of new layers that are not given one: that of `floatx`, unless set."""
    return DTypePolicy(_policy or floatx())


CUT = 0.01
"""Numbers count as cut when float32's steps are this share of their deviation."""


def cut(size: "ArrayLike", spread: "ArrayLike") -> np.ndarray:
    """Whether float32 cuts off digits in which numbers of this size differ.

    >>> cut([1.7e9, 0.1], [60.0, 0.1])
    array([ True, False])
    """
    with np.errstate(all="ignore"):
        steps = np.spacing(np.abs(np.asarray(size, "float64")).astype(np.float32))
    return np.asarray((steps > CUT * np.asarray(spread)) & (np.asarray(spread) > 0))


def in_all_digits() -> bool:
    """Whether `precision("float64")` holds, which no policy of a layer changes."""
    return _floatx_here.get() == "float64"


def own_policy() -> str | None:
    """The name of the policy of new layers, where it was set; None for `floatx`'s."""
    return _policy


def set_dtype_policy(policy: str | DTypePolicy) -> None:
    """Sets the policy of layers that are made from here on, unless they are given one.

    "float32" and "float64" are set as `set_floatx` does.

    Raises:
        TypeError, ValueError: Not a policy of floats.

    >>> set_dtype_policy("mixed_bfloat16")
    >>> layer = onefit.layers.Dense(2)
    >>> set_dtype_policy("float32")
    >>> layer.compute_dtype, layer.variable_dtype, onefit.layers.Dense(2).compute_dtype
    ('bfloat16', 'float32', 'float32')
    """
    global _policy  # noqa: PLW0603
    policy = policy if isinstance(policy, DTypePolicy) else DTypePolicy(policy)
    if policy.compute_dtype in HALVES:
        _policy = policy.name
        return
    set_floatx(policy.name)
    _policy = None


def enable_interactive_logging() -> None:
    """verbose='auto' shows how a fit goes on: the usual."""
    global _interactive  # noqa: PLW0603
    _interactive = True


def disable_interactive_logging() -> None:
    """verbose='auto' shows nothing from here on."""
    global _interactive  # noqa: PLW0603
    _interactive = False


def is_interactive_logging_enabled() -> bool:
    """Whether verbose='auto' shows how a fit goes on."""
    return _interactive


def enable_traceback_filtering() -> None:
    """Errors from inside JAX show the lines of programs alone: the usual."""
    _filter_tracebacks("auto")


def disable_traceback_filtering() -> None:
    """Errors from inside JAX show its own lines, too."""
    _filter_tracebacks("off")


def _filter_tracebacks(how: str) -> None:
    import jax

    jax.config.update("jax_traceback_filtering", how)


def is_traceback_filtering_enabled() -> bool:
    """Whether errors from inside JAX show the lines of programs alone."""
    import jax

    return jax.config.values["jax_traceback_filtering"] != "off"


def enable_flash_attention() -> None:
    """Lets attention be computed in blocks, where the device can: numbers are the same.

    The compiler chooses; it is kept for `is_flash_attention_enabled` alone.
    """
    global _flash  # noqa: PLW0603
    _flash = True


def disable_flash_attention() -> None:
    """The reverse of `enable_flash_attention`."""
    global _flash  # noqa: PLW0603
    _flash = False


def is_flash_attention_enabled() -> bool | None:
    """What was said last, None where nothing was."""
    return _flash


def is_nnx_enabled() -> bool:
    """False: variables are onefit's own."""
    return False


def enable_unsafe_deserialization() -> None:
    """Refused: nothing in a file is ever run.

    Raises:
        ValueError: Always.
    """
    raise invalid(
        "enable_unsafe_deserialization",
        "a request to run code of files",
        "files that hold settings and numbers",
        "hand over what is your own: load_model(path, custom_objects={'name': thing})",
    )


def language() -> str:
    """The language of the guide's findings: "en", or "ko" for Korean."""
    if _language not in LANGUAGES:
        told = unknown("ONEFIT_LANGUAGE", _language, LANGUAGES)
        warnings.warn(f"{told} English is used.", OnefitWarning, stacklevel=2)
        set_language("en")
    return _language


def set_language(language: str) -> None:
    """Sets the language of the guide's findings; ONEFIT_LANGUAGE does so from outside.

    Raises:
        ValueError: Anything but "en" and "ko".

    >>> set_language("ko")
    >>> language(), print(onefit.guide.Finding("linear-stack", "hint").title)
    층 사이에 활성화 함수가 없습니다
    ('ko', None)
    >>> set_language("en")
    """
    global _language  # noqa: PLW0603
    if language not in LANGUAGES:
        raise unknown("set_language", language, LANGUAGES)
    _language = language


def max_epochs() -> None:
    """None: fit runs the epochs that it is told."""


def max_steps_per_epoch() -> None:
    """None: an epoch has the steps that its data has."""


def set_max_epochs(max_epochs: int | None) -> None:
    """Refused but for None.

    Raises:
        ValueError: A number.
    """
    _no_limit("set_max_epochs", max_epochs, "write fit(..., epochs={})")


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Refused but for None.

    Raises:
        ValueError: A number.
    """
    fix = "write fit(..., steps_per_epoch={})"
    _no_limit("set_max_steps_per_epoch", max_steps_per_epoch, fix)


def _no_limit(where: str, value: int | None, fix: str) -> None:
    if value is not None:
        raise invalid(where, repr(value), "None", fix.format(value))


def set_random_seed(seed: int) -> None:
    """Makes everything after it repeatable: initial weights, shuffling, dropout.

    Args:
        seed: Any non-negative integer.
    """
    global _stream  # noqa: PLW0603
    if not is_whole(seed):
        raise invalid("set_random_seed", repr(seed), "an integer, 0 or more")
    _stream = np.random.SeedSequence(int(seed))


def new_seed() -> int:
    """The next seed of the stream that `set_random_seed` starts."""
    return int(_stream.spawn(1)[0].generate_state(1)[0])


_keys: contextvars.ContextVar["Iterator[jax.Array] | None"] = contextvars.ContextVar(
    "keys", default=None
)


@contextlib.contextmanager
def drawing(key: "jax.Array") -> Iterator["list[jax.Array]"]:
    """Lets `new_key` give keys made from this one inside: those of a program.

    Returns:
        The keys that were drawn so far.
    """
    import jax

    drawn: list[jax.Array] = []

    def keys() -> "Iterator[jax.Array]":
        for i in itertools.count():
            drawn.append(jax.random.fold_in(key, i))
            yield drawn[-1]

    token = _keys.set(keys())
    try:
        yield drawn
    finally:
        _keys.reset(token)


def new_key() -> "jax.Array":
    """The next key of the program that runs, or else of `set_random_seed`'s stream."""
    import jax

    keys = _keys.get()
    return jax.random.key(new_seed()) if keys is None else next(keys)


def seeds_drawn() -> int:
    """How many seeds the stream has given: another number after code that draws."""
    return _stream.n_children_spawned


def new_word() -> "jax.Array | np.uint32":
    """The next random number of 32 bits: traced in a program, else of the stream."""
    import jax

    keys = _keys.get()
    return np.uint32(new_seed()) if keys is None else jax.random.bits(next(keys))


def seed_state() -> np.ndarray:
    """Two numbers that name the stream; asking for them takes no seed from it."""
    return _stream.generate_state(2)


@contextlib.contextmanager
def aside(seed: int) -> Iterator[None]:
    """Draws from a stream of its own inside, and leaves the process's as it was."""
    global _stream  # noqa: PLW0603
    before, _stream = _stream, np.random.SeedSequence(seed)
    try:
        yield
    finally:
        _stream = before


def first_seeds(seed: int, count: int) -> list[int]:
    """The first seeds that `new_seed` gives after `set_random_seed(seed)`."""
    streams = np.random.SeedSequence(int(seed)).spawn(count)
    return [int(stream.generate_state(1)[0]) for stream in streams]


def generator(seed: int | None, *path: int) -> np.random.Generator:
    """The host's random numbers at a place named by a path of integers.

    Weights and permutations are drawn on the host: compiling the same draws for the
    device costs more than a whole fit of a small network, and the numbers are the same
    on every platform. SFC64 is numpy's fastest. None takes the next seed of the stream.
    """
    seed = new_seed() if seed is None else seed
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence((seed, *path))))
