"""What a script uses of TensorFlow and Keras, found in its text: nothing is run.

Names are followed through `import ... as`, `from ... import`, and assignments such as
`layers = tf.keras.layers`; what a variable holds through `model = Sequential()`.
"""

import ast
import inspect
from typing import Any, NamedTuple

from onefit.scripts.absent import PACKAGES
from onefit.scripts.names import ROOTS
from onefit.scripts.standin import find

__all__ = ["Reader", "Reading", "Use"]


class Use(NamedTuple):
    """One use of a name.

    Attributes:
        line: The line.
        path: The whole name, "tensorflow.keras.layers.Dense".
        call: The call of it, if it is called.
        said: How the script writes it.
        kind: "name"; "method" for one of a known object, whose class is `owner`.
        owner: The class of that object.
    """

    line: int
    path: str
    call: ast.Call | None
    said: str
    kind: str = "name"
    owner: Any = None


class Reading:
    """What a text uses, and the modules beside it that it imports.

    Attributes:
        uses: The names, in their order.
        modules: The other modules that it imports, by name.
        others: Those that it cannot do without, each with its line.
    """

    def __init__(self) -> None:
        self.uses: list[Use] = []
        self.modules: list[str] = []
        self.others: list[tuple[int, str]] = []


class Reader(ast.NodeVisitor):
    """Walks trees in the order of their lines; a name of one is known in the next.

    >>> text = "import tensorflow as tf; tf.nn.relu(1)"
    >>> [(use.line, use.path) for use in Reader().read(ast.parse(text)).uses]
    [(1, 'tensorflow'), (1, 'tensorflow.nn.relu')]
    """

    def __init__(self) -> None:
        self.reading = Reading()
        self.names: dict[str, str] = {}  # what stands for a dotted name
        self.types: dict[str, Any] = {}  # the class of what a variable holds
        self.forgiven = 0  # inside `try: import ... except ImportError`

    def read(self, tree: ast.Module) -> Reading:
        """All uses in a tree."""
        self.reading = Reading()
        self.visit(tree)
        return self.reading

    # Imports -------------------------------------------------------------------------

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            root = alias.name.partition(".")[0]
            if root in ROOTS or root in PACKAGES:
                self._use(node.lineno, alias.name, None, f"import {alias.name}")
                bound = alias.asname or root
                self.names[bound] = alias.name if alias.asname else root
            else:
                self._other(node.lineno, alias.name, [alias.name])
                self.names.pop(alias.asname or root, None)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        module = node.module or ""
        root = module.partition(".")[0]
        if node.level or (root not in ROOTS and root not in PACKAGES):
            names = [f"{module}.{a.name}" for a in node.names]
            whole = "." * node.level + module
            self._other(node.lineno, whole, [whole, *names])
            return
        for alias in node.names:
            if alias.name == "*":
                self._use(node.lineno, module, None, f"from {module} import *")
                self._star(module)
                continue
            path = f"{module}.{alias.name}"
            self._use(node.lineno, path, None, f"from {module} import {alias.name}")
            self.names[alias.asname or alias.name] = path

    def _other(self, line: int, module: str, names: list[str]) -> None:
        """Writes down what is imported from elsewhere."""
        self.reading.modules += names
        if not self.forgiven:
            self.reading.others.append((line, module))

    def _star(self, module: str) -> None:
        try:
            found, rest = find(module)
        except (AttributeError, ImportError):
            return
        if not rest:
            self.names |= {n: f"{module}.{n}" for n in found.__all__}

    def visit_Try(self, node: ast.Try) -> None:
        kinds = {
            ast.unparse(kind)
            for handler in node.handlers
            for kind in ([handler.type] if handler.type else [])
        }
        caught = {"ImportError", "ModuleNotFoundError", "AttributeError", "Exception"}
        bare = any(handler.type is None for handler in node.handlers)
        self.forgiven += bool(bare or kinds & caught)
        for child in node.body:
            self.visit(child)
        self.forgiven -= bool(bare or kinds & caught)
        for child in (*node.handlers, *node.orelse, *node.finalbody):
            self.visit(child)

    def visit_If(self, node: Any) -> None:
        """What stands behind `hasattr(tf, "name")` is asked for, not needed."""
        asks = any(
            isinstance(n, ast.Call) and ast.unparse(n.func) == "hasattr"
            for n in ast.walk(node.test)
        )
        self.forgiven += asks
        self.generic_visit(node)
        self.forgiven -= asks

    visit_IfExp = visit_If

    # Scopes ---------------------------------------------------------------------------

    def visit_FunctionDef(self, node: Any) -> None:
        for decorator in node.decorator_list:
            self.visit(decorator)
        self._inner(node, node.args, node.body)

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._inner(node, node.args, [node.body])

    def _inner(self, node: Any, args: ast.arguments, body: list[Any]) -> None:
        for default in (*args.defaults, *filter(None, args.kw_defaults)):
            self.visit(default)
        names, types = dict(self.names), dict(self.types)
        own = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
        for argument in filter(None, own):
            self.names.pop(argument.arg, None)
            self.types.pop(argument.arg, None)
        for child in body:
            self.visit(child)
        self.names, self.types = names, types

    # Assignments ----------------------------------------------------------------------

    def visit_Assign(self, node: ast.Assign) -> None:
        self.visit(node.value)
        path, kind = self.path_of(node.value), self.type_of(node.value)
        for target in node.targets:
            key = _key(target)
            if key is None:
                self._forget(target)
                continue
            self.names.pop(key, None)
            self.types.pop(key, None)
            if path:
                self.names[key] = path
            elif kind is not None:
                self.types[key] = kind

    def _forget(self, target: ast.expr) -> None:
        for node in ast.walk(target):
            if isinstance(node, ast.Name):
                self.names.pop(node.id, None)
                self.types.pop(node.id, None)

    def visit_For(self, node: ast.For) -> None:
        self.visit(node.iter)
        self._forget(node.target)
        for child in (*node.body, *node.orelse):
            self.visit(child)

    # Uses -----------------------------------------------------------------------------

    def visit_Call(self, node: ast.Call) -> None:
        if not self._used(node.func, node):
            self.visit(node.func)
        for child in (*node.args, *(k.value for k in node.keywords)):
            self.visit(child)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if not self._used(node, None):
            self.visit(node.value)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._used(node, None)

    def _used(self, node: ast.expr, call: ast.Call | None) -> bool:
        """Writes a use down; False where what it stands on has to be looked at."""
        path = self.path_of(node)
        if path:
            if "." in path or call is not None:
                self._use(node.lineno, path, call, ast.unparse(node))
            return True
        if isinstance(node, ast.Attribute):
            owner = self.type_of(node.value)
            if call is not None:
                use = Use(node.lineno, node.attr, call, ast.unparse(node), "method")
                self.reading.uses.append(use._replace(owner=owner))
        return False

    def _use(self, line: int, path: str, call: ast.Call | None, said: str) -> None:
        if not self.forgiven:
            self.reading.uses.append(Use(line, path, call, said))

    # What an expression is ------------------------------------------------------------

    def path_of(self, node: ast.expr) -> str | None:
        """The dotted name that an expression stands for."""
        key = _key(node)
        if key is not None and key in self.names:
            return self.names[key]
        if isinstance(node, ast.Attribute):
            before = self.path_of(node.value)
            return f"{before}.{node.attr}" if before else None
        return None

    def type_of(self, node: ast.expr) -> Any:
        """The class of what an expression gives, None where it is not known."""
        key = _key(node)
        if key is not None and key in self.types:
            return self.types[key]
        if not isinstance(node, ast.Call):
            return None
        path = self.path_of(node.func)
        if path:
            try:
                found, rest = find(path)
            except (AttributeError, ImportError):
                return None
            return None if rest else _result(found)
        if isinstance(node.func, ast.Attribute):
            owner = self.type_of(node.func.value)
            method = getattr(owner, node.func.attr, None) if owner else None
            return _result(method, owner)
        return None


def _key(node: ast.expr) -> str | None:
    """A variable, or an attribute of self, as the key of what is known of it."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"self.{node.attr}" if node.value.id == "self" else None
    return None


def _result(function: Any, owner: Any = None) -> Any:
    """The class of what a call of this gives."""
    if isinstance(function, type):
        return function
    try:
        given = inspect.signature(function).return_annotation
    except (TypeError, ValueError):
        return None
    if isinstance(given, type):
        return given if given.__module__.startswith("onefit") else None
    owner = owner or getattr(function, "__self__", None)
    if isinstance(owner, type) and str(given).strip("'\"") in (
        *("typing.Self", "Self"),
        owner.__name__,
    ):
        return owner
    return None
