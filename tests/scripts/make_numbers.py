"""What TensorFlow gives for each line of expressions.txt, kept in numbers.json.

Run by an interpreter that has TensorFlow: `python tests/scripts/make_numbers.py`.
"""

import json
from pathlib import Path

import numpy as np

HERE = Path(__file__).parent


def plain(value):
    """A tensor, or a list of them, as JSON can hold it."""
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    array = np.asarray(value.numpy() if hasattr(value, "numpy") else value)
    kind = "string" if array.dtype.kind in "SO" else array.dtype.name
    values = array.tolist()
    return {"dtype": kind, "value": _text(values) if kind == "string" else values}


def _text(values):
    if isinstance(values, list):
        return [_text(v) for v in values]
    return values.decode()


def expressions():
    return (HERE / "expressions.txt").read_text("utf-8").splitlines()


def main():
    import tensorflow as tf

    names = {"tf": tf, "np": np}
    numbers = {line: plain(eval(line, names)) for line in expressions()}
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in numbers.items())
    head = json.dumps(tf.__version__)
    (HERE / "numbers.json").write_text(f'{{"version": {head},\n{lines}}}\n', "utf-8")


if __name__ == "__main__":
    main()
