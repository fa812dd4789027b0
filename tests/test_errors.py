"""One form of every error: received, expected, fix."""

import ast
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

import onefit
from onefit.errors import ArgumentError, OnefitWarning, invalid, mistyped, unknown


@pytest.mark.parametrize(
    ("make", "kind"), [(invalid, ValueError), (mistyped, ArgumentError)]
)
@pytest.mark.parametrize(
    ("where", "fix", "text"),
    [
        ("", "", "received 3; expected 4."),
        ("Dense 'out'", "", "Dense 'out': received 3; expected 4."),
        ("", "write Dense(4)", "received 3; expected 4. Write Dense(4)."),
        ("x", "Reshape it.", "x: received 3; expected 4. Reshape it."),
    ],
)
def test_sentence(make, kind, where, fix, text):
    error = make(where, received="3", expected="4", fix=fix)
    assert type(error) is kind
    assert str(error) == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tnah", "Unknown loss 'tnah'. Did you mean 'tanh'? Known: ReLU6, relu, tanh."),
        ("TANH", "Unknown loss 'TANH'. Did you mean 'tanh'? Known: ReLU6, relu, tanh."),
        (
            "relu5",
            "Unknown loss 'relu5'. Did you mean 'relu' or 'ReLU6'? "
            "Known: ReLU6, relu, tanh.",
        ),
        ("qqq", "Unknown loss 'qqq'. Known: ReLU6, relu, tanh."),
        (3, "Unknown loss 3. Known: ReLU6, relu, tanh."),
    ],
)
def test_unknown_names_the_nearest(name, text):
    error = unknown("loss", name, ["relu", "tanh", "ReLU6", "tanh"])
    assert type(error) is ValueError
    assert str(error) == text


def test_two_spellings_are_one_suggestion():
    error = unknown("layer", "dens", ["Dense", "dense", "Dot"])
    assert "Did you mean 'dense'?" in str(error)


def test_a_warning_can_be_silenced_by_its_class():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OnefitWarning)
        warnings.warn("odd", OnefitWarning, stacklevel=1)
    with pytest.warns(UserWarning, match="odd"):
        warnings.warn("odd", OnefitWarning, stacklevel=1)


def _written_names():
    """(name, place) of each `onefit.some.name` in a sentence of the source."""
    source = Path(onefit.__file__).parent
    for path in sorted(source.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
                continue
            alone = re.fullmatch(r"[\w.:]+", node.value)  # where a module is found
            for name in () if alone else NAMES.findall(node.value):
                yield name, f"{path.relative_to(source)}:{node.lineno}"


# Not what is imported there: `from onefit...`, `import onefit...`, `__import__('...`.
NAMES = re.compile(
    r"(?<![\w./@\"-])(?<!from )(?<!import )(?<!__import__\('"
    r")onefit(?:\.[A-Za-z_]\w*)+"
)


def test_what_sentences_name_is_there_after_import_onefit():
    """A cure that ends in AttributeError is worse than none."""
    names: dict[str, str] = {}
    for name, place in _written_names():
        names.setdefault(name, place)
    assert len(names) > 100
    program = (
        "import onefit, sys\n"
        "for line in sys.stdin.read().split():\n"
        "    value = onefit\n"
        "    try:\n"
        "        for part in line.split('.')[1:]:\n"
        "            value = getattr(value, part)\n"
        "    except AttributeError:\n"
        "        print(line)\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        input="\n".join(names),
        capture_output=True,
        text=True,
        check=True,
    )
    missing = {name: names[name] for name in found.stdout.split()}
    assert missing == {}
