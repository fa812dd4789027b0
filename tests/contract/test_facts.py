"""Facts stand on the things they are about: every registered one says them all.

A subclass of Dense, of Adam, of a loss, and an activation of one's own are then, to the
guide, to files, to a trace, to ONNX and to torch, what they are.
"""

import functools
import typing

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import onefit
import onefit.interop.onnx
import onefit.interop.torch
from onefit import activations, losses, metrics, optimizers
from onefit.layers.base import Layer, Role, layers
from onefit.losses.base import Compares, Loss
from onefit.optimizers.base import Optimizer
from onefit.optimizers.rules import Rule
from onefit.registry import computes_like, nearest, nearest_formula

pytestmark = pytest.mark.filterwarnings("ignore::onefit.OnefitWarning")


def ours(registry, base, room):
    """The classes of a registry that the library has itself."""
    classes = [cls for cls in registry.objects() if isinstance(cls, type)]
    return [cls for cls in classes if cls.__module__.startswith(f"onefit.{room}.")]


LAYERS = ours(layers, Layer, "layers")
LOSSES = ours(losses.losses, Loss, "losses")
METRICS = ours(metrics.metrics, metrics.Metric, "metrics")
OPTIMIZERS = ours(optimizers.base.optimizers, Optimizer, "optimizers")  # pyright: ignore[reportAttributeAccessIssue]
ACTIVATIONS = activations.activations.objects()

named = functools.partial(pytest.mark.parametrize, ids=lambda thing: thing.__name__)


def says(cls, fact, base):
    """Whether a class or one of its bases below the base of all says a fact."""
    return any(fact in vars(one) for one in cls.__mro__ if one not in (base, object))


# Every registered thing ---------------------------------------------------------------


@named("cls", LAYERS)
def test_a_layer_says_its_role(cls):
    assert says(cls, "role", Layer), "write role = 'other' if it is none of the others"
    assert cls.role in typing.get_args(Role)
    assert cls.by_row in (True, False)
    if cls.role == "wrapper":
        assert "layer" in inspect_settings(cls)
    if cls.role in ("dense", "convolution", "recurrent"):
        assert {"activation", "use_bias"} <= inspect_settings(cls)


def inspect_settings(cls):
    return set(onefit.description.settings(cls))


@named("cls", LAYERS)
def test_a_layer_that_changes_in_training_says_so(cls):
    """`random` is what dropout and noise say, and no layer beside them needs to."""
    if cls.role == "dropout":
        assert cls.random is True


@named("cls", LOSSES)
def test_a_loss_says_what_it_compares(cls):
    holds_a_function = "function_in" in vars(cls)
    assert says(cls, "compares", Loss)
    if not holds_a_function:
        assert cls.compares in typing.get_args(Compares)
        links = {"sigmoid": {"binary"}, "softmax": {"categorical", "sparse"}}
        assert cls.link is None or cls.compares in links[cls.link]


@named("cls", METRICS)
def test_a_metric_says_which_way_is_better(cls):
    if cls in (metrics.Mean, metrics.Sum):  # of numbers that are anything
        assert cls.direction is None
    else:
        assert says(cls, "direction", metrics.Metric)
        own = cls.direction
        assert isinstance(own, property) or own in ("min", "max", None)


@named("cls", OPTIMIZERS)
def test_an_optimizer_says_its_slots(cls):
    assert says(cls, "slots", Optimizer)
    assert says(cls, "step_size", Optimizer)
    assert cls.step_size in ("rate", "gradient", None)
    assert cls.slots


AROUND = {
    optimizers.LossScaleOptimizer: lambda: optimizers.LossScaleOptimizer("adam"),
    optimizers.MultiOptimizer: lambda: optimizers.MultiOptimizer(
        optimizers.OptimizerMap(optimizers.SGD(momentum=0.9), {".*bias": "adam"})
    ),
}


@named("cls", OPTIMIZERS)
def test_slots_are_all_that_an_optimizer_remembers(cls):
    """What a file would leave out would be lost when a fit goes on."""
    model = onefit.Sequential([onefit.Input((3,)), onefit.layers.Dense(2)])
    options = {"momentum": 0.9} if "momentum" in inspect_settings(cls) else {}
    for name in ("amsgrad", "centered"):
        if name in inspect_settings(cls):
            options[name] = True
    optimizer = AROUND.get(cls, lambda: cls(**options))()
    from onefit.files.optimizer import from_variables

    def to_variables(*args):
        return onefit.files.optimizer.to_variables(*args)["optimizer"][1]

    variables = to_variables(model.graph, optimizer, None)
    marked = [np.full(v.shape, i + 1, v.dtype) for i, v in enumerate(variables)]
    state = from_variables(model.graph, optimizer, marked)
    again = to_variables(model.graph, optimizer, state)
    if cls in AROUND:
        again[1] = marked[1]  # the learning rate that Keras has there, of no use
    if cls is not optimizers.Adafactor:  # Keras has one slot more, of the other two
        jax.tree.map(np.testing.assert_array_equal, again, marked)
    fresh = from_variables(model.graph, optimizer, variables)
    unread = [
        path
        for (path, new), old in zip(
            jax.tree_util.tree_leaves_with_path(state["slots"]),
            jax.tree.leaves(fresh["slots"]),
            strict=True,
        )
        if np.array_equal(new, old)
    ]
    assert not unread


@named("g", ACTIVATIONS)
def test_an_activation_says_its_facts(g):
    facts = activations.facts_of(g)
    assert facts is not None
    assert facts.range is not None
    if g is activations.threshold:
        return  # its settings have no defaults
    z = np.linspace(-40, 40, 16_002, dtype="float64")
    with jax.enable_x64(True):
        x = jnp.asarray(z.reshape(-1, 2) if facts.across else z)
        a, slope = jax.jvp(g, (x,), (jnp.ones_like(x),))
        a, slope = np.asarray(a), np.asarray(slope)
        one = np.asarray(g(x.at[..., :1].add(1.0)))
    low, high = facts.range
    assert low - 1e-12 <= a.min()
    assert a.max() <= high + 1e-12
    if facts.across:
        assert not np.array_equal(one[..., 1:], a[..., 1:]) or a.shape != x.shape
        return
    np.testing.assert_allclose(one[1:], a[1:], rtol=1e-12, atol=1e-12)
    if facts.slope is not None:
        assert 0.98 * facts.slope <= np.abs(slope).max() <= facts.slope + 1e-9
    if facts.saturates:
        assert np.isfinite(facts.range).all()
        assert np.abs(slope[np.abs(z) > 5]).max() < 0.15 * facts.slope


# The lookup ---------------------------------------------------------------------------


class Wide(onefit.layers.Dense):
    """A Dense with another default."""

    units: int = 5


class DoubledUnits(onefit.layers.Dense):
    """A Dense of twice its input: z = 2·x·W + b."""

    def apply(self, params, state, x, *, training=False, key=None):
        return super().apply(params, state, 2 * x, training=training, key=key)


class Apart(DoubledUnits):
    """One that says that rows stay apart."""

    by_row = True


class Slower(optimizers.Adam):
    """Adam with another default."""

    beta_1: float = 0.8


class Sideways(optimizers.Adam):
    """An optimizer with a rule of its own."""

    def rule(self):
        return Rule(lambda params: (), lambda g, s, w, alpha, step: (g * 0, s))


class Squares(losses.MeanSquaredError):
    """A mean squared error by another name."""


class Quartic(Loss):
    """A loss of one's own: the mean of fourth powers."""

    compares = "regression"

    def call(self, y_true, y_pred):
        return jnp.mean((y_pred - y_true) ** 4, axis=-1)


def cubes(y_true, y_pred):
    """A loss as a function."""
    return jnp.mean(jnp.abs(y_pred - y_true) ** 3, axis=-1)


cubes.compares = "regression"  # pyright: ignore[reportFunctionMemberAccess]


@activations.states(range=(0, 2), slope=0.5, saturates=True)
def twice_sigmoid(z):
    """g(z) = 2 / (1 + e^-z)."""
    return 2 * jax.nn.sigmoid(z)


def test_a_subclass_is_found_by_its_base():
    dense = onefit.layers.Dense
    table = {dense: "dense", Layer: "layer"}
    assert nearest(table, Wide) == nearest(table, DoubledUnits) == "dense"
    assert nearest_formula(table, Wide) == "dense"
    assert nearest_formula(table, DoubledUnits) is None
    assert nearest(table, int) is nearest_formula(table, int) is None
    assert computes_like(dense, dense)
    assert not computes_like(dense, onefit.layers.Conv2D)


def test_rows_stay_apart_where_that_is_known():
    def by_row(layer):
        return onefit.Sequential([onefit.Input((3,)), layer]).graph.by_row

    assert by_row(Wide())
    assert not by_row(DoubledUnits(2))
    assert by_row(Apart(2))
    assert not by_row(onefit.layers.Lambda(lambda x: x))
    assert not onefit.Sequential(
        [onefit.Input((2, 3)), onefit.layers.TimeDistributed(DoubledUnits(2))]
    ).graph.by_row


# A new one of each kind: written here, and nowhere else -------------------------------


class Gain(Layer):
    """Multiplies each feature by a learned gain: a = gain · x."""

    role = "scaling"
    by_row = True

    def init(self, rng, input_shape):
        return {"gain": np.full(input_shape[-1], 0.5, "float32")}, {}

    def apply(self, params, state, x, *, training=False, key=None):
        return x * params["gain"], state


class Averaged(Optimizer):
    """w := w - α·m, with m := ½·m + ½·g."""

    step_size = "gradient"
    slots = (("mean",),)

    def rule(self):
        def update(grads, slots, params, alpha, step):
            mean = jax.tree.map(lambda m, g: (m + g) / 2, slots["mean"], grads)
            return jax.tree.map(lambda m: -alpha * m, mean), {"mean": mean}

        return Rule(
            lambda params: {"mean": jax.tree.map(np.zeros_like, params)}, update
        )


def test_new_ones_go_everywhere(tmp_path):
    model = model_of(
        Gain(),
        onefit.layers.Dense(1, twice_sigmoid),
        loss=cubes,
        optimizer=Averaged(0.01),
    )
    assert "output-cannot-reach-targets" in codes(model)
    assert model.graph.by_row
    y = np.abs(Y) / 2
    first = model.fit(X, y, epochs=3, verbose=0, shuffle=False).history["loss"]
    assert first[-1] < first[0]
    assert "Gain 'gain'" in str(model.trace(X[:2], y[:2]))

    model.save(tmp_path / "new.keras")
    own = {"twice_sigmoid": twice_sigmoid, "cubes": cubes}
    again = onefit.load_model(tmp_path / "new.keras", custom_objects=own)
    on, over = (
        m.fit(X, y, epochs=2, verbose=0, shuffle=False).history["loss"]
        for m in (model, again)
    )
    np.testing.assert_allclose(on, over, rtol=1e-6)  # the mean goes on as well

    reference = pytest.importorskip("onnx.reference")
    onefit.interop.onnx.export(model, tmp_path / "new.onnx")
    session = reference.ReferenceEvaluator(str(tmp_path / "new.onnx"))
    (made,) = session.run(None, {session.input_names[0]: X})
    np.testing.assert_allclose(made, model.predict(X, verbose=0), rtol=1e-5)


# To everyone --------------------------------------------------------------------------


def model_of(*chain, loss="mse", optimizer="sgd"):
    onefit.utils.set_random_seed(0)
    model = onefit.Sequential([onefit.Input((3,)), *chain])
    model.compile(optimizer, loss)
    return model


X = np.random.default_rng(0).normal(size=(60, 3)).astype("float32")
Y = np.linspace(-3, 3, 60, dtype="float32")[:, None]


def codes(model, x=X, y=Y):
    return {finding.code for finding in model.check(x, y)}


def pair(own, house):
    """Two models that are equal but for the class of their first layer."""
    last = onefit.layers.Dense(1, name="last")
    return [model_of(cls(5, name="first"), last.replace()) for cls in (own, house)]


def test_the_guide_sees_a_subclass_of_dense():
    plain, subclassed = (codes(model) for model in pair(onefit.layers.Dense, Wide))
    assert plain == subclassed
    assert "linear-stack" in plain


def test_the_guide_sees_a_subclass_of_an_optimizer():
    chain = [onefit.layers.Dense(40, "relu"), onefit.layers.Dense(1)]
    found = codes(model_of(*chain, optimizer=Slower(2.0)))
    assert "learning-rate-too-high" in found
    assert found == codes(model_of(*chain, optimizer=optimizers.Adam(2.0)))


@pytest.mark.parametrize("loss", [Squares(), Quartic(), cubes])
def test_the_guide_sees_what_a_loss_compares(loss):
    head = onefit.layers.Dense(1, "sigmoid")
    assert "output-cannot-reach-targets" in codes(model_of(head, loss=loss))


def test_the_guide_sees_the_range_of_an_activation():
    model = model_of(onefit.layers.Dense(1, twice_sigmoid))
    (finding,) = [
        f for f in model.check(X, Y) if f.code == "output-cannot-reach-targets"
    ]
    assert "twice_sigmoid can give, numbers from 0 to 2" in finding.seen
    binary = model_of(onefit.layers.Dense(1, twice_sigmoid), loss="binary_crossentropy")
    assert "head-does-not-fit-loss" in codes(binary, y=(Y > 0).astype("float32"))
    silent = model_of(onefit.layers.Dense(1, lambda z: z), loss="binary_crossentropy")
    assert "head-does-not-fit-loss" not in codes(silent, y=(Y > 0).astype("float32"))


def test_a_file_has_all_of_them(tmp_path):
    model = model_of(
        Wide(), DoubledUnits(4, twice_sigmoid), loss=Squares(), optimizer=Slower()
    )
    model.fit(X, np.repeat(Y, 4, axis=1), epochs=2, verbose=0)
    model.save(tmp_path / "own.keras")
    own = {"twice_sigmoid": twice_sigmoid}
    again = onefit.load_model(tmp_path / "own.keras", custom_objects=own)
    assert [type(layer) for layer in again.layers] == [Wide, DoubledUnits]
    assert (type(again.loss), type(again.optimizer)) == (Squares, Slower)
    np.testing.assert_array_equal(
        again.predict(X, verbose=0), model.predict(X, verbose=0)
    )
    one, other = (
        m.fit(X, np.repeat(Y, 4, axis=1), epochs=1, verbose=0, shuffle=False)
        for m in (model, again)
    )
    np.testing.assert_allclose(one.history["loss"], other.history["loss"], rtol=1e-5)


def test_a_file_leaves_out_slots_that_nobody_says(tmp_path):
    model = model_of(Wide(), optimizer=Sideways())
    model.fit(X, np.repeat(Y, 5, axis=1), epochs=1, verbose=0)
    with pytest.warns(onefit.OnefitWarning, match="does not say its slots"):
        model.save(tmp_path / "own.keras")


def test_a_trace_writes_a_subclass_as_its_base():
    subclassed, plain = (
        str(model.trace(X[:2], Y[:2])) for model in pair(Wide, onefit.layers.Dense)
    )
    assert "inputs, 5 units" in plain
    one, other = (text.split() for text in (subclassed, plain))
    assert [w.replace("Wide", "Dense") for w in one][2:] == other[2:]


def test_onnx_has_the_operation_of_the_base(tmp_path):
    onnx = pytest.importorskip("onnx")
    reference = pytest.importorskip("onnx.reference")
    kinds = {}
    for cls in (Wide, DoubledUnits):
        model = model_of(cls(5, twice_sigmoid))
        path = tmp_path / f"{cls.__name__}.onnx"
        onefit.interop.onnx.export(model, path)
        session = reference.ReferenceEvaluator(str(path))
        (y,) = session.run(None, {session.input_names[0]: X})
        np.testing.assert_allclose(y, model.predict(X, verbose=0), rtol=1e-5)
        kinds[cls] = {node.op_type for node in onnx.load(path).graph.node}
    assert "Gemm" in kinds[Wide]


def test_torch_has_the_module_of_the_base():
    torch = pytest.importorskip("torch")
    model = model_of(Wide(5, "tanh"), onefit.layers.Dense(1))
    module = onefit.interop.torch.to_torch(model)
    assert type(module[0]) is torch.nn.Linear
    np.testing.assert_allclose(
        module(torch.from_numpy(X)).detach().numpy(),
        model.predict(X, verbose=0),
        rtol=1e-5,
        atol=1e-6,
    )
    with pytest.raises(ValueError, match="a layer that torch has no module for"):
        onefit.interop.torch.to_torch(model_of(DoubledUnits(5)))
