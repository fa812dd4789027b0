"""Data that comes with the library, as files beside this one."""

from pathlib import Path

import numpy as np

from onefit.errors import unknown

__all__ = ["load_digits", "path"]


def path(name: str) -> Path:
    """Where a shipped data file lies, for other tools to read.

    'digits.csv' is what `load_digits` gives. 'penguins.csv' are 344 penguins of three
    species as they were measured: words, dates, ids, comments and empty cells (NA).

    Source of the penguins: K. Gorman, T. Williams and W. Fraser 2014, "Ecological
    sexual dimorphism within a community of Antarctic penguins", PLoS ONE 9(3), and
    Palmer Station LTER; licence CC0, as the package palmerpenguins has it.

    >>> onefit.datasets.path("digits.csv").name
    'digits.csv'
    """
    known = {file.name: file for file in Path(__file__).parent.glob("*.csv")}
    if name not in known:
        raise unknown("data file", name, known)
    return known[name]


def load_digits(images: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """1,797 real handwritten digits of 8 by 8 pixels, by 13 writers.

    A pixel counts the ink in a 4 by 4 block of the scan, 0 to 16: divide by 16 for
    numbers from 0 to 1. The rows keep the order of the file, where neighbours are often
    by one writer: shuffle before you split.

    Args:
        images: Whether x keeps the shape of an image, for convolutions.

    Returns:
        x, float32 of shape (1797, 64), row by row, or (1797, 8, 8, 1) as images;
        y, int32 of shape (1797,), the digits 0 to 9, about 180 of each.

    Example:
        >>> x, y = onefit.datasets.load_digits()
        >>> x.shape, y.shape, float(x.max()), y[:5].tolist()
        ((1797, 64), (1797,), 16.0, [0, 1, 2, 3, 4])

    Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits (its
    test part), UCI Machine Learning Repository, 1998, doi:10.24432/C50P49, licence
    CC BY 4.0; as scikit-learn ships it, with a header added.
    """
    table = np.loadtxt(path("digits.csv"), np.float32, delimiter=",", skiprows=1)
    x, y = table[:, :-1], table[:, -1].astype(np.int32)
    x = x.reshape(-1, 8, 8, 1) if images else np.ascontiguousarray(x)
    return x, y
