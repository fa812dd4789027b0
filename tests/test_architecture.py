"""How the house is built: imports run one way, faces are explicit, settings round-trip.

A rule that this file refuses is a rule of CONTRIBUTING.md; say there why it changes.
"""

import ast
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
from onefit.description import REQUIRED, Description, fields
from onefit.layers.base import layers

SOURCE = Path(onefit.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))

# A room imports from the rooms above it. The face, `import onefit`, is a room too: only
# what stands below it is built on the whole library.
FACE = "onefit"
ROOMS = [
    *(
        "starting",
        "errors",
        "packages",
        "spellings",
        "faces",
        "checks",
        "types",
        "config",
    ),
    *("custom", "registry", "tree", "dtype_policies"),
    *(
        "programs",
        "distribution",
        "slots",
        "variables",
        "random",
        "tape",
        "members",
        "description",
    ),
    *("activations", "initializers", "regularizers", "constraints"),
    *("losses", "metrics", "layers", "optimizers", "mixed_precision", "ops", "backend"),
    *("networks", "data", "training", "callbacks", "files"),
    *("datasets", "plots", "guide", "models", "preprocessing", "applications"),
    *("interop", "population", "saving", "tables", "utils"),
    *(FACE, "sklearn", "wrappers", "web", "serving", "lab", "scripts", "cli"),
]

# Rooms that are what their package is: their classes derive from its, so it is imported
# with them, and `import onefit` imports neither.
HOMES = {"sklearn": "sklearn", "scripts": "sklearn", "wrappers": "sklearn"}

# What a user may not have, or what costs time to import: imported where it is used.
OPTIONAL = {
    "IPython",
    "PIL",
    "h5py",
    "keras",
    "matplotlib",
    "duckdb",
    "onnx",
    "openpyxl",
    "optax",
    "optuna",
    "pandas",
    "pyarrow",
    "rich",
    "safetensors",
    "scipy",
    "sklearn",
    "starlette",
    "tensorboardX",
    "tensorflow",
    "torch",
    "uvicorn",
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


def run_time(tree: ast.Module) -> Iterator[ast.AST]:
    """All that may run, functions' bodies too, but for what only type checkers read."""
    rest: list[ast.AST] = [tree]
    while rest:
        node = rest.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        yield node
        rest.extend(ast.iter_child_nodes(node))


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
    for name, line in imports(run_time(tree_of(file))):
        package, *rest = name.split(".")
        if package != "onefit":
            continue
        room = rest[0] if rest and rest[0] in ROOMS else FACE
        assert ROOMS.index(room) <= here, (
            f"{place(file)}:{line} imports {name}: {ROOMS[here]} stands above {room}"
        )
        assert not rest or not rest[-1].startswith("_") or rest[-1] == "__version__", (
            f"{place(file)}:{line} imports the private name {name}"
        )


def module_of(file: Path) -> str:
    parts = file.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


def test_no_file_imports_in_a_circle():
    # A room's __init__ only shows what its files have, so it is left out.
    modules = {module_of(file): file for file in FILES if file.stem != "__init__"}
    graph: dict[str, set[str]] = {}
    for name, file in modules.items():
        found = (path for path, _ in imports(run_time(tree_of(file))))
        names = {n for path in found for n in (path, path.rpartition(".")[0])}
        graph[name] = names & set(modules) - {name}
    while leaves := {name for name, needs in graph.items() if not needs & set(graph)}:
        graph = {name: needs for name, needs in graph.items() if name not in leaves}
    assert not graph, f"these files import each other: {sorted(graph)}"


@pytest.mark.parametrize("file", FILES, ids=place)
def test_optional_packages_are_imported_where_they_are_used(file):
    for name, line in imports(at_import(tree_of(file).body)):
        package = name.split(".")[0]
        at_home = package == HOMES.get(room_of(file))
        assert at_home or package not in OPTIONAL, (
            f"{place(file)}:{line} imports {name}"
        )


# What `import onefit` costs beyond `import jax` is its own files: at most so many. Who
# adds one that a first program does not use makes its room lazy (onefit/__init__.py).
MODULES = 151
LAZY = {
    "applications",
    "callbacks",
    "datasets",
    "distribution",
    "guide",
    "interop",
    "plots",
}
LAZY |= {"population", "preprocessing", "utils"}
LAZY |= {"backend", "ops", "random", "saving", "tables", "tree"}


def test_importing_onefit_imports_jax_and_few_files_of_its_own():
    code = (
        "import sys, jax; before = set(sys.modules); import onefit; "
        "print(*set(sys.modules) - before)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = [name.split(".") for name in run.stdout.split()]
    others = {package for package, *_ in loaded} - sys.stdlib_module_names
    assert others <= {"onefit", "jax", "numpy"}
    own = [rest for package, *rest in loaded if package == "onefit"]
    assert len(own) <= MODULES
    assert LAZY.isdisjoint(room for room, *_ in filter(None, own))
    assert set(onefit.__all__) >= LAZY


def test_the_face_has_what_it_imports_late():
    for name in onefit.__all__:
        assert name in dir(onefit)
        assert getattr(onefit, name) is not None
    with pytest.raises(AttributeError, match="'onefit' has no attribute 'plot'"):
        _ = onefit.plot


# Where derivatives are taken: of a task in one function, with places to look in; and of
# an activation, a function of one number, to draw or to store its slope.
DERIVATIVES = {
    "training/task.py": {"value_and_grad"},
    "plots/functions.py": {"grad"},
    "layers/cells.py": {"jvp"},
    "layers/two_way.py": {"jvp"},  # of what has a backward pass of its own
    "guide/tracing/program.py": {"jvp"},
    "ops/linalg.py": {"jvp"},
    "tape/recording.py": {"vjp"},  # of what a block computed
}


@pytest.mark.parametrize("file", FILES, ids=place)
def test_gradients_are_taken_in_one_place(file):
    known = {"grad", "value_and_grad", "vjp", "jvp", "linearize", "jacfwd", "jacrev"}
    used = {
        node.attr
        for node in ast.walk(tree_of(file))
        if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "jax"
    }
    assert used & known == DERIVATIVES.get(place(file), set())


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


# What a room of the catalogue shows beside it.
BASES = {onefit.layers.Layer, onefit.losses.Loss, onefit.metrics.Metric}
BASES |= {onefit.optimizers.Optimizer}
DOORS = {"Input", "deserialize", "get", "reduce", "resolve", "serialize"}
DOORS |= {"InputSpec", *("add", "average", "concatenate", "dot", "maximum")}
DOORS |= {"minimum", "multiply", "subtract", "OptimizerMap"}


@pytest.mark.parametrize("room", ["layers", "losses", "metrics", "optimizers"])
def test_a_face_shows_the_catalogue_and_no_helpers(room):
    # A face takes what stands in the __all__ of its files: there helpers have no place.
    face = importlib.import_module(f"onefit.{room}")
    base = importlib.import_module(f"onefit.{room}.base")
    things = {name: getattr(face, name) for name in set(face.__all__) - DOORS}
    known = {*getattr(base, room).objects(), *BASES, *onefit.losses.losses.objects()}
    known |= {*importlib.import_module("onefit.metrics.base").functions.objects()}
    for name, thing in things.items():
        thing = getattr(thing, "loss_class", thing)
        if inspect.isclass(thing) or inspect.isfunction(thing):
            assert thing in known, name


# Settings -----------------------------------------------------------------------------

# What a description is made with, where 2, or 0.5 for a `number`, will not do.
MADE_WITH = {
    "Activation": ("relu",),
    "Arithmetic": ("add", 1.0),
    "Bidirectional": (onefit.layers.GRU(2),),
    "CategoryEncoding": (2,),
    "Discretization": ([0.0, 1.0],),
    "EinsumDense": ("ab,bc->ac", 2),
    "GetItem": ((("slice", None, None, None), 0),),
    "InputLayer": ((3,),),
    "IoU": (2, [0]),
    "OneHotIoU": (2, [0]),
    "LossScaleOptimizer": (onefit.optimizers.Adam(),),
    "MultiOptimizer": (onefit.optimizers.OptimizerMap(onefit.optimizers.Adam()),),
    "OptimizerMap": (onefit.optimizers.Adam(), {"a": onefit.optimizers.SGD()}),
    "Operation": ("exp", (("x", ("tensor", 0)),)),
    "Permute": ((2, 1),),
    "Pipeline": ([onefit.layers.Dense(2)],),
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
    needed = [f for f in fields(cls) if f.default is REQUIRED]
    guesses = [0.5 if field.number else 2 for field in needed]
    return cls(*MADE_WITH.get(cls.__name__, guesses))


@pytest.mark.parametrize("cls", descriptions(), ids=lambda cls: cls.__name__)
def test_settings_survive_a_file(cls):
    if cls.__name__ in WITHOUT_CONFIG or cls.__name__.startswith("_"):
        return
    if issubclass(cls, onefit.Layer) and cls not in layers.objects():
        return  # a base that only others stand on
    if getattr(cls, "in_keras_style", False):
        return  # its attributes are not settings: `tests/layers/test_functions.py`
    first = made(cls)
    config = first.get_config()
    second = cls.from_config(json.loads(json.dumps(config)))
    assert second.get_config() == config
    assert jax.tree.structure(second) == jax.tree.structure(first)
    for one, other in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        np.testing.assert_array_equal(one, other)
