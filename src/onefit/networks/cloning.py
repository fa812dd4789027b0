"""Copies of models: the same layers and calls, fresh weights."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from onefit.errors import invalid, mistyped
from onefit.layers.base import Layer
from onefit.layers.core import Input, InputLayer
from onefit.layers.symbolic import Tensor
from onefit.networks.functional import Nest, Tensors, unwrap_single
from onefit.networks.graph import Graph, Node, as_graph
from onefit.networks.network import FACES, Network
from onefit.networks.sequential import SequentialNetwork
from onefit.spellings import keras_keywords
from onefit.types import Tree

__all__ = ["clone_model", "entrance_like"]


N = TypeVar("N", bound=Network)


@keras_keywords
def clone_model(
    model: N,
    input_tensors: Tensors | None = None,
    clone_function: Callable[[Layer], Layer] | None = None,
    call_function: Callable[..., Tree] | None = None,
    recursive: bool = False,
) -> N:
    """A model with the same layers and fresh weights, compiled if the first is.

    A layer that the model calls several times is one layer in the copy too; a model
    inside is copied as well.

    Args:
        model: What to copy: a Sequential, or a Model of inputs and outputs.
        input_tensors: What Input gave, to build the copy on; by default new ones.
        clone_function: Makes the new layer of an old one, for another setting or kind:
            `lambda layer: Dropout(0.5) if isinstance(layer, Dropout) else
            layer.replace()`. By default a layer with the same settings.
        call_function: Calls a new layer, for another output than its own:
            `lambda layer, *args, **kwargs: relu(layer(*args, **kwargs))`. Of the
            layers of this model; a Sequential becomes a Model of inputs and outputs.
        recursive: Whether `call_function` also calls the layers of models inside.
            `clone_function` makes those in any case.

    Raises:
        TypeError: What is no model, a function that gives no layer.
        ValueError: Another number of input tensors than of inputs.

    Example:
        >>> from onefit import Input, Sequential, models
        >>> from onefit.layers import Dense
        >>> model = Sequential([Input((3,)), Dense(2, kernel_initializer="ones")])
        >>> clone = models.clone_model(model)
        >>> clone.layers[0] is model.layers[0], clone.count_params()
        (False, 8)

    Source: Keras, `keras.models.clone_model`.
    """
    if not isinstance(model, Network):
        raise mistyped("clone_model", repr(model), "a model")
    new = _cloned(model, input_tensors, clone_function, call_function, recursive)
    new.compile_like(model)
    return new


def _cloned(
    model: N,
    input_tensors: Tensors | None,
    clone_function: Callable[[Layer], Layer] | None,
    call_function: Callable[..., Tree] | None,
    recursive: bool,
) -> N:
    """A model with the same layers and fresh weights."""
    if call_function is not None and not callable(call_function):
        raise mistyped(
            "clone_model", f"call_function={call_function!r}", "a function of a layer"
        )
    plain = clone_function is None and call_function is None
    if model.is_own() and plain:
        # Only its class knows how it is made.
        new = type(model).from_config(model.get_config())
        new.build_from_config(model.get_build_config())
        return new
    make = clone_function or (lambda layer: layer.replace())
    flat = input_tensors is None and call_function is None
    if isinstance(model, SequentialNetwork) and flat:
        entrance = model.entrance_layer and [model.entrance_layer.replace()]
        return cast("Callable[..., N]", FACES["Sequential"])(
            [*(entrance or []), *(_copy(one, make) for one in model.whole.layers)],
            name=model.name if model.whole._named else None,
        )
    inputs, outputs = (
        model.known_nest(model.input_nest),
        model.known_nest(model.output_nest),
    )
    given = Nest(input_tensors, "input_tensors") if input_tensors is not None else None
    if given and len(given.tensors) != len(inputs.tensors):
        raise invalid(
            "clone_model",
            f"{len(given.tensors)} input tensors",
            f"{len(inputs.tensors)}, one for each input",
        )
    tensors = given.tensors if given else [entrance_like(t) for t in inputs.tensors]
    graph = as_graph(model.whole, "clone_model")
    inside = call_function if recursive else None
    ends = _called(graph, tensors, make, call_function or _plainly, inside)
    return cast("type[N]", FACES["Functional"])(
        inputs.arrange(unwrap_single(tensors)),
        outputs.arrange(ends),
        name=model.name if model.whole._named else None,
    )


def entrance_like(tensor: Tensor, name: str | None = None) -> Tensor:
    """A new Input like this one, named as given, or as this one if a user named it."""
    layer = tensor.call.layer
    dtype = None if tensor.dtype.startswith("float") else tensor.dtype
    name = name or (layer.name if layer._named else None)
    return Input(batch_shape=tensor.shape, dtype=dtype, name=name)


def _plainly(layer: Layer, *args: Any, **kwargs: Any) -> Tree:
    return layer(*args, **kwargs)


def _called(
    graph: Graph,
    inputs: list[Tensor],
    make: Callable[[Layer], Layer],
    call_with: Callable[..., Tree],
    inside: Callable[..., Tree] | None,
) -> Tree:
    """What the copied layers of a graph give on these inputs."""
    copies = [_copy(layer, make, inside) for layer in graph.layers]

    def call(node: Node, number: int, value: Tree, mask: Tree) -> Tree:
        del number
        if isinstance(graph.layers[node.layer], InputLayer):
            return value
        options = dict(node.options) | ({} if mask is None else {"mask": mask})
        return call_with(copies[node.layer], value, **options)

    return graph.thread(inputs[0] if graph.inputs == 1 else tuple(inputs), call)


def _copy(
    layer: Layer,
    make: Callable[[Layer], Layer],
    call_function: Callable[..., Tree] | None = None,
) -> Layer:
    if not isinstance(layer, Graph):
        new = make(layer)
        if not isinstance(new, Layer):
            raise mistyped(
                "clone_function",
                repr(new),
                "a layer",
                "return layer.replace() for layers that stay as they are",
            )
        object.__setattr__(new, "_named", layer._named)
        return new
    assert layer.face is not None  # a graph among layers is a model's
    return _cloned(layer.face, None, make, call_function, recursive=True).whole
