"""The data of the lab: points made on the spot, digits, a table of one's own."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from onefit import config
from onefit.errors import invalid, unknown

__all__ = ["MADE", "Rows", "made", "of_arrays", "of_table", "split"]

MOST = 20_000
"""Rows of a table that the lab takes; of more, these many at even distances."""

WORDS = 20
"""Different words of a column that become columns of their own."""


@dataclasses.dataclass(frozen=True, eq=False)
class Rows:
    """Examples and what is asked of them.

    Attributes:
        name: Of the data set.
        x: (rows, columns), or images (rows, height, width, channels).
        y: (rows, 1): 0 and 1, whole numbers of classes, or numbers.
        problem: 'binary', 'classes' or 'regression'.
        columns: Their names; of images none.
        classes: The names of the classes.
        scale: For each column what was taken off and what it was divided by; of numbers
            as they are, 0 and 1.
        lines: How x and y are made, in Python.
        note: What was assumed, if anything.
        extent: The range of the first two columns that pictures show.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    problem: str
    columns: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    scale: np.ndarray | None = None
    lines: tuple[str, ...] = ()
    note: str = ""
    extent: tuple[float, float] = (-6.0, 6.0)

    @property
    def outputs(self) -> int:
        """Units of the last layer that this asks for."""
        return len(self.classes) if self.problem == "classes" else 1

    @property
    def image(self) -> tuple[int, ...]:
        """Height, width and channels of an image; () of other rows."""
        return self.x.shape[1:] if self.x.ndim == 4 else ()


def _circle(rng: np.random.Generator, n: int, noise: float) -> tuple[np.ndarray, Any]:
    inside = np.arange(n) % 2 == 0
    radius = np.where(inside, rng.uniform(0, 2.5, n), rng.uniform(3.5, 5, n))
    angle = rng.uniform(0, 2 * np.pi, n)
    x = np.stack([radius * np.sin(angle), radius * np.cos(angle)], 1)
    seen = x + rng.uniform(-5, 5, (n, 2)) * noise
    return x, np.hypot(seen[:, 0], seen[:, 1]) < 2.5


def _xor(rng: np.random.Generator, n: int, noise: float) -> tuple[np.ndarray, Any]:
    x = rng.uniform(-5, 5, (n, 2))
    x += np.where(x > 0, 0.3, -0.3)
    seen = x + rng.uniform(-5, 5, (n, 2)) * noise
    return x, seen[:, 0] * seen[:, 1] >= 0


def _gauss(rng: np.random.Generator, n: int, noise: float) -> tuple[np.ndarray, Any]:
    y = np.arange(n) % 2 == 0
    spread = np.sqrt(0.5 + 7 * noise)
    return rng.normal(np.where(y, 2.0, -2.0)[:, None], spread, (n, 2)), y


def _spiral(rng: np.random.Generator, n: int, noise: float) -> tuple[np.ndarray, Any]:
    y = np.arange(n) % 2 == 0
    along = (np.arange(n) // 2) / max(n // 2, 1)
    angle = 1.75 * along * 2 * np.pi + np.where(y, 0, np.pi)
    x = 5 * along[:, None] * np.stack([np.sin(angle), np.cos(angle)], 1)
    return x + rng.uniform(-1, 1, (n, 2)) * noise, y


def _three(rng: np.random.Generator, n: int, noise: float) -> tuple[np.ndarray, Any]:
    y = np.arange(n) % 3
    angle = y * 2 * np.pi / 3
    centre = 3 * np.stack([np.sin(angle), np.cos(angle)], 1)
    return centre + rng.normal(0, 0.7 + 3 * noise, (n, 2)), y


def _plane(rng: np.random.Generator, n: int, noise: float) -> tuple[np.ndarray, Any]:
    x = rng.uniform(-6, 6, (n, 2))
    return x, (x.sum(1) + rng.uniform(-6, 6, n) * noise) / 10


def _hills(rng: np.random.Generator, n: int, noise: float) -> tuple[np.ndarray, Any]:
    centres = [(-4, 2.5), (0, 2.5), (4, 2.5), (-4, -2.5), (0, -2.5), (4, -2.5)]
    signs = [1, -1, 1, -1, 1, -1]
    x = rng.uniform(-6, 6, (n, 2))
    seen = x + rng.uniform(-6, 6, (n, 2)) * noise
    near = [np.clip(1 - np.hypot(*(seen - c).T) / 2, 0, 1) for c in centres]
    heights = np.array(signs)[:, None] * near
    return x, heights[np.abs(heights).argmax(0), np.arange(n)]


def _line(rng: np.random.Generator, n: int, noise: float) -> tuple[np.ndarray, Any]:
    x = rng.uniform(-5, 5, (n, 1))
    return x, 0.4 * x[:, 0] + 0.5 + rng.normal(0, 0.1 + noise, n)


def _wave(rng: np.random.Generator, n: int, noise: float) -> tuple[np.ndarray, Any]:
    x = rng.uniform(-5, 5, (n, 1))
    return x, np.sin(x[:, 0]) + rng.normal(0, 0.02 + noise, n)


def _cases(rng: np.random.Generator, n: int, noise: float) -> tuple[np.ndarray, Any]:
    del rng, n, noise
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], float)
    return x, [0, 1, 1, 0]


def _coffee(rng: np.random.Generator, n: int, noise: float) -> tuple[np.ndarray, Any]:
    from onefit import datasets

    del noise
    x, y = datasets.coffee(n, seed=int(rng.integers(1 << 31)))
    return (x - x.mean(0)) / x.std(0), y[:, 0]


Maker = Callable[[np.random.Generator, int, float], tuple[np.ndarray, Any]]

MADE: dict[str, tuple[Maker, str]] = {
    "circle": (_circle, "binary"),
    "xor": (_xor, "binary"),
    "gauss": (_gauss, "binary"),
    "spiral": (_spiral, "binary"),
    "three": (_three, "classes"),
    "plane": (_plane, "regression"),
    "hills": (_hills, "regression"),
    "line": (_line, "regression"),
    "wave": (_wave, "regression"),
    "cases": (_cases, "binary"),
    "coffee": (_coffee, "binary"),
}
"""The data sets that are made, and what each asks."""

SETS = (*MADE, "digits", "images")

EXTENT = {"cases": (-0.5, 1.5), "coffee": (-2.2, 2.2), "line": (-5, 5), "wave": (-5, 5)}


def made(name: str, rows: int, noise: float, seed: int) -> Rows:
    """A data set that the lab makes.

    Args:
        name: circle, xor, gauss, spiral, three; plane, hills (regressions); line, wave
            (of one input); cases (the table of exclusive or); coffee; digits as 64
            columns, or as images.
        rows: How many.
        noise: 0 to 0.5.
        seed: The draw.

    Raises:
        ValueError: A name that there is not.

    >>> made("spiral", 100, 0.0, 0).x.shape
    (100, 2)
    """
    if name in ("digits", "images"):
        return _digits(name == "images", rows, seed)
    if name not in MADE:
        raise unknown("data set of the lab", name, SETS)
    maker, problem = MADE[name]
    x, y = maker(config.generator(seed), rows, noise)
    y = np.asarray(y, float)
    kind = np.int32 if problem == "classes" else np.float32
    columns = ("x1", "x2")[: x.shape[1]]
    if name == "coffee":
        columns = ("temperature", "minutes")
    return Rows(
        name,
        np.asarray(x, np.float32),
        y.astype(kind)[:, None],
        problem,
        columns,
        () if problem == "regression" else tuple(map(str, range(int(y.max()) + 1))),
        lines=_made(name, rows, noise, seed),
        extent=EXTENT.get(name, (-6.0, 6.0)),
    )  # fmt: skip


def _made(*settings: Any) -> tuple[str, ...]:
    """The lines that make a data set."""
    return (
        "from onefit.lab.data import made",
        f"rows = made({', '.join(map(repr, settings))})",
        "x, y = rows.x, rows.y",
    )


def _digits(images: bool, rows: int, seed: int) -> Rows:
    from onefit import datasets

    x, y = datasets.load_digits(images=images)
    order = config.generator(seed).permutation(len(x))[:rows]
    x = np.asarray(x, np.float32)[order] / 16
    if images and x.ndim == 3:
        x = x[..., None]
    return Rows(
        "images" if images else "digits",
        x,
        np.asarray(y)[order].astype(np.int32).reshape(-1, 1),
        "classes",
        () if images else tuple(f"p{i}" for i in range(64)),
        tuple(map(str, range(10))),
        lines=_made("images" if images else "digits", rows, 0.0, seed),
    )


def of_arrays(x: Any, y: Any, name: str = "yours") -> Rows:
    """Rows of arrays, as a program has them: whole numbers are classes.

    Raises:
        ValueError: No numbers, or another number of rows.

    >>> of_arrays([[0.5, 1.0], [1.0, 2.0]], [0, 1]).problem
    'binary'
    """
    x, y = np.asarray(x, np.float32), np.asarray(y)
    if x.ndim == 1:
        x = x[:, None]
    if len(x) != len(y) or not len(x):
        raise invalid("lab", f"{len(x)} rows of x and {len(y)} of y", "as many of both")
    if y.ndim == 2 and y.shape[1] > 1:
        y = y.argmax(1)
    y = y.reshape(-1)
    if y.dtype.kind in "OUS":
        words, y = np.unique(y.astype(str), return_inverse=True)
        classes = tuple(map(str, words))
    else:
        whole = bool((y == np.round(y)).all()) and y.min() >= 0 and y.max() < 50
        classes = tuple(str(k) for k in range(int(y.max()) + 1)) if whole else ()
    few = classes and len(np.unique(y)) <= max(2, len(y) // 2)
    problem = "regression"
    if few:
        problem = "binary" if len(classes) == 2 else "classes"
    low, high = float(x.min()), float(x.max())
    margin = 0.1 * (high - low) or 1.0
    return Rows(
        name,
        x,
        y.astype(np.int32 if problem == "classes" else np.float32)[:, None],
        problem,
        tuple(f"x{i + 1}" for i in range(x.shape[1])) if x.ndim == 2 else (),
        classes if few else (),
        lines=("x, y = ...  # yours",),
        extent=(low - margin, high + margin),
    )


def of_table(source: Any, target: str | None = None) -> Rows:
    """Rows of a table of any kind that `onefit.tables.read` reads.

    Numbers are standardised, of rows without one the mean is taken; a word is a column
    of 0 and 1 for each that there is. Dates and columns of many words are left out, and
    `note` says so.

    Args:
        source: A file, the bytes of one, or a table in memory.
        target: The column that is asked for; the last one if not given.

    Raises:
        ValueError: What is no table, a target that it does not have, no column left.

    >>> rows = of_table({"a": [1.0, 2.0, 4.0], "kind": ["x", "y", "x"],
    ...                  "y": ["no", "yes", "no"]}, "y")
    >>> rows.columns, rows.classes, rows.problem
    (('a', 'kind=x', 'kind=y'), ('no', 'yes'), 'binary')
    """
    from onefit import tables

    frame = tables.read(source)
    names = [str(name) for name in frame.columns]
    frame.columns = names
    if target is None:
        target = names[-1]
    elif target not in names:
        raise unknown("column", target, names)
    frame = frame[frame[target].notna()]
    if len(frame) > MOST:
        frame = frame.iloc[np.linspace(0, len(frame) - 1, MOST).astype(int)]
    columns: dict[str, np.ndarray] = {}
    scale, left = [], []
    for name in names:
        if name == target:
            continue
        column = frame[name]
        if column.dtype.kind in "biuf":
            values = column.to_numpy(float, na_value=np.nan)
            known = values[np.isfinite(values)]
            mean, spread = (known.mean(), known.std()) if len(known) else (0.0, 0.0)
            if not spread:
                left.append(name)
                continue
            columns[name] = np.where(np.isfinite(values), (values - mean) / spread, 0)
            scale.append((mean, spread))
            continue
        words = column.dropna().astype(str)
        known = sorted(words.unique()) if column.dtype.kind != "M" else []
        if not 1 < len(known) <= WORDS:
            left.append(name)
            continue
        for word in known:
            columns[f"{name}={word}"] = (column.astype(str) == word).to_numpy(float)
            scale.append((0.0, 1.0))
    if not columns:
        raise invalid("lab", "a table without a column to learn from", "numbers, words")
    x = np.stack([*columns.values()], 1).astype(np.float32)
    y = frame[target].to_numpy()
    rows = of_arrays(x, y, name="table")
    note = [f"target: {target}"] + ([f"left out: {', '.join(left)}"] if left else [])
    return dataclasses.replace(
        rows,
        columns=tuple(columns),
        scale=np.array(scale, np.float32),
        lines=(
            "from onefit.lab.data import of_table",
            f"rows = of_table({source if isinstance(source, str) else 'data.csv'!r}, "
            f"{target!r})",
            "x, y = rows.x, rows.y",
        ),
        note="; ".join(note),
        extent=(-3.0, 3.0),
    )


def split(rows: Rows, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the rows to train on and of those held out.

    >>> [len(part) for part in split(made("xor", 10, 0.0, 0), 0.3, 0)]
    [7, 3]
    """
    n = len(rows.x)
    held = round(share * n)
    order = config.generator(seed, 1).permutation(n) if held else np.arange(n)
    return np.sort(order[held:]), np.sort(order[:held])
