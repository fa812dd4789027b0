"""A module's `forward` as a graph of layers, by what torch.fx sees it call."""

import contextlib
import operator
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from onefit import layers
from onefit.errors import invalid
from onefit.interop.torch.functions import CALLS, drops, module_of
from onefit.interop.torch.modules import Place
from onefit.interop.torch.reading import Reading, at, taken, unknown_shape
from onefit.interop.torch.recurrent import KINDS, States, recurrent
from onefit.interop.torch.weights import refusal
from onefit.layers.base import Layer
from onefit.layers.symbolic import Tensor
from onefit.models.model import Model
from onefit.types import Shapes

if TYPE_CHECKING:
    from torch import fx, nn

__all__ = ["traced"]


def traced(reading: Reading, module: "nn.Module", shape: Shapes) -> Model:
    """The model that makes the calls of a module's `forward`.

    Args:
        reading: Makes the layers of modules.
        module: The module.
        shape: The shape of an example, of one of each input, or None.
    """
    return _Trace(reading, module, shape).model()


class _Trace:
    """Makes the calls that torch.fx saw, in order, on what stands for arrays."""

    def __init__(self, reading: Reading, module: "nn.Module", shape: Shapes) -> None:
        self.reading, self.module = reading, module
        several = any(isinstance(s, tuple | list) for s in shape or ())
        self.shapes: Iterator[Any] = iter(list(shape or ()) if several else [shape])
        self.inputs: list[Tensor] = []
        self.values: dict[Any, Any] = {}

    def model(self) -> Model:
        _refuse_dropping(self.module)
        nodes = list(_graph(self.module).nodes)
        for node in nodes:
            self.values[node] = getattr(self, f"_{node.op}")(node)
        outputs = self.values[nodes[-1]]
        for value in outputs if isinstance(outputs, list | tuple) else [outputs]:
            if not isinstance(value, Tensor):
                raise invalid(
                    f"{type(self.module).__name__}.forward",
                    "an output that is no tensor, such as the states that a "
                    "recurrent module gives beside y",
                    "tensors",
                    "write `y, _ = self.lstm(x)` in forward, and return y",
                )
        return Model(_one_or_list(self.inputs), _one_or_list(outputs))

    def _at(self, value: object) -> Any:
        """An argument, with what stands for arrays in place of the graph's nodes."""
        if isinstance(value, tuple | list):
            return type(value)(self._at(v) for v in value)
        if isinstance(value, slice):
            parts = (value.start, value.stop, value.step)
            return slice(*(self._at(v) for v in parts))
        return self.values[value] if hasattr(value, "op") else value

    def _placeholder(self, node: "fx.Node") -> object:
        if node.args:
            return node.args[0]  # an argument with a default
        name = str(node.target)
        shape = next(self.shapes, None)
        if shape is None:
            users = [u for u in node.users if u.op == "call_module"]
            shapes = [taken(self.module.get_submodule(str(u.target))) for u in users]
            shape = next((s for s in shapes if s is not None), None)
        if shape is None:
            raise unknown_shape(name, self.module)
        self.reading.names.add(name)
        self.inputs.append(layers.Input(tuple(shape), name=name))
        return self.inputs[-1]

    def _output(self, node: "fx.Node") -> object:
        return self._at(node.args[0])

    def _get_attr(self, node: "fx.Node") -> NoReturn:
        raise invalid(
            f"{type(self.module).__name__}.forward",
            f"the tensor {node.target!r}, used by itself",
            "tensors of modules",
            "put it into a module: Linear, Embedding, LayerNorm",
        )

    # Calls --------------------------------------------------------------------------

    def _call_module(self, node: "fx.Node") -> object:
        path = str(node.target)
        module: Any = self.module.get_submodule(path)  # `kind` says what it has
        kind = type(module).__name__
        x, *more = self._at([*node.args, *node.kwargs.values()])
        if more:
            raise refusal(
                path,
                module,
                received=f"{1 + len(more)} inputs",
                expected="one",
                fix="leave the first states out: they are zeros" * (kind in KINDS),
            )
        if kind in KINDS:
            return self._recurrent(path, module, node, x)
        return self.reading.through(path, module, x, Layer.__call__)

    def _recurrent(
        self, path: str, module: "nn.RNNBase", node: "fx.Node", x: Tensor
    ) -> "tuple[Tensor, States | tuple[States, States]]":
        """The outputs of a recurrent module, as in torch: (y, h) or (y, (h, c))."""
        used = any(
            user.target is not operator.getitem or user.args[1] != 0
            for user in node.users
        )
        h: list[Tensor] = []
        c: list[Tensor] = []
        place = Place(path, x.shape, self.reading.exact)
        for part, number, both in recurrent(module, place, used):
            more = "dropout" if number < 0 else f"l{number}" * (module.num_layers > 1)
            self.reading.fill(path, module, part, x.shape, more)
            try:
                y = part.layer(x)
            except ValueError as error:
                raise at(path, module, error, x.shape) from None
            x, *last = y if isinstance(y, tuple) else (y,)
            half = len(last) // (1 + both)
            for own in (last[:half], last[half:]):
                h, c = h + own[:1], c + own[1:]
        return x, (States(h), States(c)) if c else States(h)

    def _call_function(self, node: "fx.Node") -> object:
        name = getattr(node.target, "__name__", str(node.target)).strip("_")
        args, kwargs = self._at(list(node.args)), self._at_all(node.kwargs)
        try:
            if (module := module_of(name, args[1:], kwargs)) is not None:
                path = str(node.name)
                return self.reading.through(path, module, args[0], Layer.__call__)
            if name in CALLS:
                return CALLS[name](*args, **kwargs)
        except (ValueError, TypeError) as error:
            raise invalid(
                f"{type(self.module).__name__}.forward, {node.name}",
                f"a call of {name!r} that onefit has no layer for ({error})",
                "one that it has",
                "write it in other calls, or by a module",
            ) from error
        raise invalid(
            f"{type(self.module).__name__}.forward, {node.name}",
            f"a call of {name!r}",
            f"a module, a function that is one, or {', '.join(sorted(CALLS))}",
            "write it by those, or convert the modules before and after it",
        )

    _call_method = _call_function

    def _at_all(self, named: Mapping[str, object]) -> dict[str, object]:
        return {name: self._at(value) for name, value in named.items()}


def _graph(module: "nn.Module", training: bool = True) -> "fx.Graph":
    """The graph of torch.fx, of the module in training mode or in eval mode."""
    from torch import fx

    with _mode(module, training):
        try:
            return fx.Tracer().trace(module)
        except Exception as error:
            raise invalid(
                f"{type(module).__name__}.forward",
                f"what torch.fx cannot follow ({error})",
                "the same calls for every input: no condition on numbers, no "
                "module that gives anything but tensors to functions of Python",
                "convert the modules that it calls, one by one",
            ) from error


@contextlib.contextmanager
def _mode(module: "nn.Module", training: bool) -> Iterator[None]:
    """Within it, all modules are in training mode, or none; afterwards as before."""
    modes = [(inner, inner.training) for inner in module.modules()]
    for inner, _ in modes:
        inner.training = training
    try:
        yield
    finally:
        for inner, mode in modes:
            inner.training = mode


def _refuse_dropping(module: "nn.Module") -> None:
    """Refuses F.dropout that drops in `module.eval()`, too, which no layer does."""
    for node in _graph(module, training=False).nodes:
        name = getattr(node.target, "__name__", "")
        if node.op == "call_function" and drops(name, node.args[1:], node.kwargs):
            raise invalid(
                f"{type(module).__name__}.forward, {node.name}",
                f"F.{name} that drops in eval(), too",
                "one that drops while the module trains",
                f"write F.{name}(x, p, training=self.training), or nn.Dropout",
            )


def _one_or_list(values: object) -> Any:
    """The only value, or a list of several."""
    values = list(values) if isinstance(values, tuple | list) else [values]
    return values[0] if len(values) == 1 else values
