"""From a module to a model, and which of the model's weights are which tensors.

The modules of a Sequential are read in order. The `forward` of any other module is
traced by torch.fx; the calls that it makes become layers (`tracing.py`).
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar

from onefit import config, layers
from onefit.interop.torch.layout import channels_last
from onefit.interop.torch.modules import MODULES, Named, Part, Place, parts
from onefit.interop.torch.recurrent import KINDS
from onefit.interop.torch.weights import Bond, refusal
from onefit.layers.base import Layer, Weights
from onefit.layers.symbolic import Tensor
from onefit.models.model import Model
from onefit.models.sequential import Sequential
from onefit.networks.graph import as_graph
from onefit.registry import snake_case
from onefit.types import Shape

if TYPE_CHECKING:
    import torch
    from torch import nn

__all__ = [
    "Reading",
    "at",
    "chained",
    "refuse_hidden",
    "taken",
    "unknown_shape",
    "walk",
]


Passing = TypeVar("Passing", Shape, Tensor)
"""What passes through layers: a shape, or what stands for an array."""


class Reading:
    """The layers of a module's modules, with their weights.

    Args:
        exact: Whether they are to train as torch trains the module.

    Attributes:
        bonds: Weights of layers, trainable or not, and the module's tensors.
        counters: The tensors that count a BatchNorm's batches.
        model: The model that they make.
    """

    model: Model

    def __init__(self, exact: bool) -> None:
        self.exact = exact
        self.bonds: list[Bond] = []
        self.counters: list[torch.Tensor] = []
        self.names: set[str] = set()
        self._made: dict[str, list[Layer]] = {}
        self._owners: dict[int, str] = {}

    def through(
        self,
        path: str,
        module: "nn.Module",
        x: Passing,
        call: Callable[[Layer, Passing], Passing],
    ) -> Passing:
        """The output of a module's layers for x, a shape or what stands for an array.

        A second call of the module calls the same layers, which share their weights.
        """
        shape = _shape(x)
        if path in self._made:
            for layer in self._made[path]:
                x = call(layer, x)
            return x
        made = parts(module, Place(path, shape, self.exact))
        self._made[path] = [part.layer for part in made]
        # Of several, the layer with weights, or else the last, has the module's name.
        main = max(reversed(made), key=lambda part: len(part.params))
        for part in made:
            self.fill(path, module, part, _shape(x), "" if part is main else "border")
            try:
                x = call(part.layer, x)
            except ValueError as error:
                raise at(path, module, error, shape) from None
        if (counter := getattr(module, "num_batches_tracked", None)) is not None:
            self.counters.append(counter)
        return x

    def fill(
        self, path: str, module: "nn.Module", part: Part, shape: Shape, more: str = ""
    ) -> None:
        """Gives a layer its name, and the module's weights."""
        self._name(part.layer, path, more)
        params = self._bonds(path, module, part.layer, part.params)
        state = self._bonds(path, module, part.layer, part.state)
        frozen = [
            name
            for bond in params
            for name, tensor in zip(bond.paths, bond.tensors, strict=True)
            if not tensor.requires_grad
        ]
        if frozen and len(frozen) < sum(len(bond.tensors) for bond in params):
            raise refusal(
                path,
                module,
                received=f"requires_grad=False of {', '.join(frozen)} alone",
                expected="all tensors of a module to train, or none",
                fix="freeze all of it: module.requires_grad_(False)",
            )
        part.layer.trainable = not frozen
        named, kept = ({b.name: b.read() for b in own} for own in (params, state))
        object.__setattr__(part.layer, "_weights", Weights(named, kept, shape))
        self.bonds += [*params, *state]

    def move(self) -> None:
        """Puts channels last inside the model, for speed."""
        self.model.graph, new = channels_last(as_graph(self.model.graph, "from_torch"))
        self.bonds = [
            bond._replace(layer=new.get(id(bond.layer), bond.layer))
            for bond in self.bonds
        ]

    def _name(self, layer: Layer, path: str, more: str) -> None:
        """Names a layer by its path in the module: `features_0`, `dense_2`."""
        name = "_".join(word for word in (path.replace(".", "_"), more) if word)
        if not name[:1].isalpha():
            kind = snake_case(type(layer).__name__.strip("_"))
            name = f"{kind}_{name}".strip("_")
        title, number = name, 1
        while title in self.names:
            title, number = f"{name}_{number}", number + 1
        self.names.add(title)
        layer.name = title
        object.__setattr__(layer, "_named", True)

    def _bonds(
        self, path: str, module: "nn.Module", layer: Layer, named: Named
    ) -> list[Bond]:
        bonds = []
        for name, (way, attributes) in named.items():
            paths = tuple(f"{path}.{a}".strip(".") for a in attributes)
            tensors = tuple(getattr(module, a) for a in attributes)
            for one, tensor in zip(paths, tensors, strict=True):
                self._own(path, module, one, tensor)
            bonds.append(Bond(layer, name, paths, tensors, way))
        return bonds

    def _own(
        self, path: str, module: "nn.Module", name: str, tensor: "torch.Tensor"
    ) -> None:
        """Refuses a tensor that is in two places, or has another type of numbers."""
        if other := self._owners.get(id(tensor)):
            raise refusal(
                path,
                module,
                received=f"{name}, which is the same tensor as {other}",
                expected="tensors of its own",
                fix="call one module twice, in place of two with one weight",
            )
        self._owners[id(tensor)] = name
        if tensor.device.type == "meta":
            raise refusal(
                path,
                module,
                received=f"{name} on the device 'meta', which has no numbers",
                expected="tensors with numbers",
                fix="write module.to_empty(device='cpu'), and load its weights",
            )
        kind, wanted = str(tensor.dtype).removeprefix("torch."), config.floatx()
        if kind != wanted:
            more = ", or onefit.config.set_floatx('float64')" * (kind == "float64")
            raise refusal(
                path,
                module,
                received=f"{name} of type {kind}",
                expected=wanted,
                fix=f"write module.to(torch.{wanted}){more}",
            )


REMOVALS = {
    "prune": "torch.nn.utils.prune.remove(module, {name!r}), which leaves zeros that "
    "train like the other numbers",
    "weight_norm": "torch.nn.utils.remove_weight_norm(module, {name!r})",
    "spectral_norm": "torch.nn.utils.remove_spectral_norm(module, {name!r})",
}
"""How torch's own hooks are taken away, by the files that they are from."""


def refuse_hidden(module: "nn.Module", exact: bool) -> None:
    """Refuses hooks and the like, which change what a module computes or learns."""
    for path, inner in module.named_modules():
        hidden = _hidden(inner, exact)
        if hidden is not None:
            received, fix = hidden
            raise refusal(
                path,
                inner,
                received=received,
                expected="modules that their class and their tensors describe",
                fix=fix,
            )


def _hidden(module: Any, exact: bool) -> tuple[str, str] | None:
    """The first hook or the like of a module, and how to remove it, or None.

    The attributes are private, or not those of all modules.
    """
    if hasattr(module, "_orig_mod"):
        return "a module of torch.compile", "hand over the one that you gave it"
    if "forward" in vars(module):
        return "a `forward` of its own instance", (
            "move it into the forward of the module's class"
        )
    if hasattr(module, "parametrizations"):
        names = list(module.parametrizations)
        return f"parametrizations of {', '.join(names)}", (
            "write torch.nn.utils.parametrize.remove_parametrizations(module, "
            f"{names[0]!r})"
        )
    if getattr(module, "has_uninitialized_params", bool)():
        return "a module without sizes yet", "call it once before: module(x)"
    gradients = ("_backward_hooks", "_backward_pre_hooks") if exact else ()
    for kind in ("_forward_pre_hooks", "_forward_hooks", *gradients):
        for hook in getattr(module, kind).values():
            title = kind.strip("_").removesuffix("s").replace("_", " ")
            source = type(hook).__module__.rpartition(".")[2]
            name = getattr(hook, "_tensor_name", getattr(hook, "name", "weight"))
            way = REMOVALS.get(source, "").format(name=name)
            return f"a {title}, {_called(hook)}", (
                f"write {way}"
                if way
                else "move what it does into the module's forward, and remove it by "
                "the handle that registering it gave"
            )
    for name, tensor in module.named_parameters(recurse=False) if exact else ():
        if tensor._backward_hooks or tensor._post_accumulate_grad_hooks:
            return f"a hook on the gradient of {name}", (
                "remove it by the handle that registering it gave; to clip gradients, "
                "hand over an optimizer of onefit: optimizers.Adam(clipnorm=1.0)"
            )
    return None


def _called(hook: object) -> str:
    return repr(getattr(hook, "__name__", type(hook).__name__))


def chained(
    reading: Reading,
    chain: "list[tuple[Any, nn.Module]]",
    module: "nn.Module",
    shape: Shape | None,
) -> Model:
    """The model of a Sequential's modules."""
    if shape is None:
        shape = taken(chain[0][1]) if chain else None
    if shape is None:
        raise unknown_shape("", module)
    x = (None, *shape)
    layers_: list[Layer] = [layers.InputLayer(batch_shape=x, name="input")]
    reading.names.add("input")

    def call(layer: Layer, x: Shape) -> Shape:
        layers_.append(layer)
        return layer.output_shape(x)

    for path, inner in chain:
        x = reading.through(path, inner, x, call)
    return Sequential(layers_)


def walk(
    module: "nn.Module", path: str = ""
) -> "Iterator[tuple[str | None, nn.Module]]":
    """The modules of nested Sequentials, in order, with their paths.

    The path is None for a module that is not read by itself but has to be traced.
    """
    kind = type(module).__name__
    own = not type(module).__module__.startswith("torch.nn.")
    if kind == "Sequential" and not own:
        for name, inner in module.named_children():
            yield from walk(inner, f"{path}.{name}" if path else name)
    else:
        traced = own or kind in KINDS or (not path and kind not in MODULES)
        yield None if traced else path, module


def taken(module: Any) -> Shape | None:
    """The shape of an example that a module takes, if its attributes say it."""
    kind = type(module).__name__
    if kind == "Linear":
        return (module.in_features,)
    if kind == "Embedding":
        return (None,)
    if kind in KINDS:
        return (None, module.input_size)
    if kind.startswith("Conv") and hasattr(module, "in_channels"):
        return (module.in_channels, *[None] * len(module.kernel_size))
    return None


def unknown_shape(path: str, module: "nn.Module") -> ValueError:
    """The error for a module that does not say what it takes."""
    return refusal(
        path,
        module,
        received="a module that does not say the shape of its input",
        expected="the shape of an example",
        fix="write from_torch(module, input_shape=(1, 28, 28))",
    )


def at(path: str, module: "nn.Module", error: ValueError, shape: Shape) -> ValueError:
    """An error of a layer, with the path of its module."""
    open_ = None in shape[1:]
    hint = " Give input_shape, all sizes of an example." if open_ else ""
    kind = type(module).__name__
    return ValueError(f"{path} ({kind}) > {error}{hint}")


def _shape(x: Shape | Tensor) -> Shape:
    return x if isinstance(x, tuple) else x.shape
