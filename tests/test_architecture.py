"""How the house is built: imports run one way, faces are explicit, settings round-trip.

A rule that this file refuses is a rule of CONTRIBUTING.md; say there why it changes.
"""

import ast
import dataclasses
import functools
import importlib
import inspect
import json
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import jax
import numpy as np
import pytest

import onefit
from onefit.description import Description

SOURCE = Path(onefit.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))

# A room imports from the rooms above it. The face, `import onefit`, is a room too: only
# what stands below it is built on the whole library.
FACE = "onefit"
ROOMS = [
    *("errors", "spellings", "types", "config", "registry", "variables"),
    *("description", "utils"),
    *(
        "activations",
        "initializers",
        "regularizers",
        "constraints",
        "losses",
        "metrics",
    ),
    *("layers", "optimizers", "training", "callbacks", "models"),
    *("datasets", "plots", "guide", "interop", "population"),
    *(FACE, "sklearn", "cli", "lab"),
]

# Files that reach down all the same, inside a function: {file: {rooms}}.
REACHES: dict[str, set[str]] = {
    "models/model.py": {"interop", "guide"},  # save and load; check, watch and trace
    "training/history.py": {"guide"},  # diagnose
}

# Rooms that are what their package is: their classes derive from its, so it is imported
# with them, and `import onefit` imports neither.
HOMES = {"sklearn": "sklearn"}

# What a user may not have, or what costs time to import: imported where it is used.
OPTIONAL = {
    "IPython",
    "h5py",
    "keras",
    "matplotlib",
    "onnx",
    "optax",
    "optuna",
    "pandas",
    "pyarrow",
    "rich",
    "safetensors",
    "scipy",
    "sklearn",
    "tensorboardX",
    "tensorflow",
    "torch",
}


def place(file: Path) -> str:
    return file.relative_to(SOURCE).as_posix()


def room_of(file: Path) -> str:
    return file.relative_to(SOURCE).parts[0].removesuffix(".py")


@functools.cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def imports(nodes: Iterator[ast.AST] | list[ast.stmt]) -> Iterator[tuple[str, int]]:
    """What is imported, as dotted names down to the imported name, with the line."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"a relative import in line {node.lineno}"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno


def at_import(nodes: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported: all but functions' bodies."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        for part in ("body", "orelse", "finalbody"):
            yield from at_import(getattr(node, part, []))
        for handler in getattr(node, "handlers", []):
            yield from at_import(handler.body)


# Imports ------------------------------------------------------------------------------


def test_every_file_is_in_a_room():
    rooms = {
        room_of(file) for file in FILES if file.parent != SOURCE or file.stem[0] != "_"
    }
    assert rooms <= set(ROOMS), "give the new room its place in ROOMS"


@pytest.mark.parametrize("file", FILES, ids=place)
def test_imports_run_one_way(file):
    if file.parent == SOURCE and file.stem.startswith("_"):
        return  # onefit/__init__.py is the face itself
    here = ROOMS.index(room_of(file))
    for name, line in imports(ast.walk(tree_of(file))):
        package, *rest = name.split(".")
        if package != "onefit":
            continue
        room = rest[0] if rest and rest[0] in ROOMS else FACE
        allowed = ROOMS.index(room) <= here or room in REACHES.get(place(file), ())
        assert allowed, (
            f"{place(file)}:{line} imports {name}: {ROOMS[here]} stands above {room}"
        )
        assert not rest or not rest[-1].startswith("_") or rest[-1] == "__version__", (
            f"{place(file)}:{line} imports the private name {name}"
        )


def test_every_exception_is_used():
    for name, rooms in REACHES.items():
        found = imports(ast.walk(tree_of(SOURCE / name)))
        assert rooms <= {path.split(".")[1] for path, _ in found if "onefit." in path}


@pytest.mark.parametrize("file", FILES, ids=place)
def test_optional_packages_are_imported_where_they_are_used(file):
    for name, line in imports(at_import(tree_of(file).body)):
        package = name.split(".")[0]
        at_home = package == HOMES.get(room_of(file))
        assert at_home or package not in OPTIONAL, (
            f"{place(file)}:{line} imports {name}"
        )


def test_importing_onefit_imports_jax_and_nothing_else():
    # What `import onefit` costs beyond `import jax` is its own few files.
    code = (
        "import sys, jax; roots = lambda: {name.split('.')[0] for name in sys.modules};"
        "before = roots(); import onefit; print(*roots() - before)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    others = set(run.stdout.split()) - sys.stdlib_module_names
    assert others == {"onefit"}


# Faces --------------------------------------------------------------------------------


@functools.cache
def modules() -> list[ModuleType]:
    names = [info.name for info in pkgutil.walk_packages(onefit.__path__, "onefit.")]
    public = [name for name in names if not name.rpartition(".")[2].startswith("_")]
    return [onefit, *map(importlib.import_module, public)]


@pytest.mark.parametrize("module", modules(), ids=lambda module: module.__name__)
def test_public_names_are_explicit_and_documented(module):
    assert module.__doc__, f"{module.__name__} does not say what it is for"
    empty = len(tree_of(Path(module.__file__)).body) == 1
    assert empty or hasattr(module, "__all__"), f"{module.__name__} has no __all__"
    for name in getattr(module, "__all__", ()):
        assert hasattr(module, name), f"{module.__name__} has no {name}"
        obj = getattr(module, name)
        if inspect.isclass(obj) or inspect.isfunction(obj):
            assert obj.__doc__, f"{module.__name__}.{name} has no docstring"


@pytest.mark.parametrize("room", ["layers", "losses", "metrics", "optimizers"])
def test_every_registered_class_is_shown(room):
    base = importlib.import_module(f"onefit.{room}.base")
    known = {cls for cls in getattr(base, room).objects() if inspect.isclass(cls)}
    public = {cls for cls in known if cls.__module__.startswith(f"onefit.{room}.")}
    shown = importlib.import_module(f"onefit.{room}").__all__
    assert {cls.__name__ for cls in public} <= set(shown)


# Settings -----------------------------------------------------------------------------

# What a description is made with, where 2, or 0.5 for a `number`, will not do.
MADE_WITH = {
    "Activation": ("relu",),
    "Arithmetic": ("add", 1.0),
    "Bidirectional": (onefit.layers.GRU(2),),
    "EinsumDense": ("ab,bc->ac", 2),
    "GetItem": ((("slice", None, None, None), 0),),
    "InputLayer": ((3,),),
    "IoU": (2, [0]),
    "OneHotIoU": (2, [0]),
    "Permute": ((2, 1),),
    "PiecewiseConstantDecay": ([1, 2], [0.1, 0.01, 0.001]),
    "RNN": (onefit.layers.LSTMCell(2),),
    "Reshape": ((2, 3),),
    "SpectralNormalization": (onefit.layers.Dense(2),),
    "StackedRNNCells": ([onefit.layers.LSTMCell(2), onefit.layers.GRUCell(2)],),
    "TimeDistributed": (onefit.layers.Dense(2),),
}

# These hold a function, which is code, or are made of a model by the house itself.
WITHOUT_CONFIG = {
    "FunctionSchedule",
    "Graph",
    "Head",
    "Lambda",
    "LossFunctionWrapper",
    "MeanMetricWrapper",
    "Operations",
    "Task",
}


def descriptions() -> list[type[Description]]:
    """Every description of the house."""
    modules()  # imports them all
    found, rest = {}, [Description]
    while rest:
        for cls in rest.pop().__subclasses__():
            rest.append(cls)
            found[f"{cls.__module__}.{cls.__name__}"] = cls
    return [found[name] for name in sorted(found) if name.startswith("onefit.")]


def made(cls: type[Description]) -> Description:
    needed = [f for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING]
    guesses = [0.5 if field.metadata.get("number") else 2 for field in needed]
    return cls(*MADE_WITH.get(cls.__name__, guesses))


@pytest.mark.parametrize("cls", descriptions(), ids=lambda cls: cls.__name__)
def test_settings_survive_a_file(cls):
    if cls.__name__ in WITHOUT_CONFIG or cls.__name__.startswith("_"):
        return
    first = made(cls)
    config = first.get_config()
    second = cls.from_config(json.loads(json.dumps(config)))
    assert second.get_config() == config
    assert jax.tree.structure(second) == jax.tree.structure(first)
    for one, other in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_array_equal(one, other)
