"""Numbers far from 0, whose differences float32 does not hold, before a scaling."""

import copy
import pickle
import warnings

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import onefit
from onefit import layers
from onefit.errors import OnefitWarning

START = 1_700_000_000.0
RNG = np.random.default_rng(3)
ROWS = np.stack([START + RNG.uniform(0, 3600, 48), RNG.normal(size=48)], 1)
MEAN, DEVIATION = ROWS.mean(0), ROWS.std(0)
SCALED = (ROWS - MEAN) / DEVIATION
TARGETS = SCALED[:, :1] - SCALED[:, 1:]


def adapted() -> layers.Layer:
    layer = layers.Normalization()
    layer.adapt(ROWS)
    return layer


def scalings() -> list[layers.Layer]:
    return [
        adapted(),
        layers.Normalization(mean=MEAN, variance=DEVIATION**2),
        layers.Rescaling(1 / DEVIATION, -MEAN / DEVIATION),
    ]


def chain(layer: layers.Layer) -> onefit.Sequential:
    return onefit.Sequential([onefit.Input((2,)), layer, layers.Dense(1)])


def close(model: onefit.Model, of: onefit.Model | None = None) -> None:
    """The model's numbers are those of its layers on the rows scaled in float64."""
    kernel, bias = (of or model).layers[-1].get_weights()
    np.testing.assert_allclose(
        model.predict(ROWS, verbose=0), SCALED @ kernel + bias, atol=1e-5
    )


@pytest.fixture(autouse=True)
def silent():
    """No warning of lost digits: none are."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", OnefitWarning)
        yield


@pytest.mark.parametrize("number", range(3))
def test_a_scaling_first_in_a_model_has_all_digits(number: int) -> None:
    layer = scalings()[number]
    np.testing.assert_allclose(layer(ROWS), SCALED, atol=1e-5)
    model = chain(layer)
    close(model)
    np.testing.assert_allclose(model(ROWS[:1]), model.predict(ROWS)[:1], atol=1e-6)
    assert model.layers[0].name == layer.name


def test_a_fit_is_that_of_rows_scaled_before() -> None:
    model, bare = chain(adapted()), onefit.Sequential([layers.Dense(1)])
    bare.build((None, 2))
    bare.set_weights(model.layers[-1].get_weights())
    losses = []
    for one, x in ((model, ROWS), (bare, SCALED)):
        one.compile("adam", "mse", check=False)
        fitted = one.fit(x, TARGETS, epochs=3, shuffle=False, verbose=0)
        losses.append(fitted.history["loss"])
        losses[-1].append(one.evaluate(x, TARGETS, verbose=0))
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_adapt_may_come_after_compile_and_after_training() -> None:
    layer = layers.Normalization()
    model = chain(layer)
    model.compile("adam", "mse", check=False)
    model.fit(SCALED, TARGETS, epochs=2, verbose=0)
    layer.adapt(ROWS)
    close(model)
    model.fit(ROWS, TARGETS, epochs=1, verbose=0)
    assert int(model.optimizer.iterations) == 6  # it goes on
    layer.adapt(SCALED)
    kernel, bias = model.layers[-1].get_weights()
    np.testing.assert_allclose(
        model.predict(SCALED, verbose=0), SCALED @ kernel + bias, atol=1e-5
    )


def test_files_and_copies_keep_the_digits(tmp_path) -> None:
    model = chain(adapted())
    model.compile("adam", "mse", check=False)
    model.fit(ROWS, TARGETS, epochs=1, verbose=0)
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    fresh = chain(layers.Normalization())
    fresh.load_weights(tmp_path / "model.weights.h5")
    again = onefit.models.clone_model(model)
    again.set_weights(model.get_weights())
    loaded = onefit.load_model(tmp_path / "model.keras")
    for one in (fresh, again, loaded, copy.deepcopy(model)):
        close(one, model)
    close(pickle.loads(pickle.dumps(model)), model)
    assert len(model.get_weights()) == len(fresh.weights) == 5
    loaded.fit(ROWS, TARGETS, epochs=1, verbose=0)
    assert int(loaded.optimizer.iterations) == 4


def test_keras_opens_such_a_file(tmp_path) -> None:
    keras = pytest.importorskip("keras")
    model = chain(adapted())
    model.save(tmp_path / "model.keras")
    theirs = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(
        theirs.layers[0].get_weights()[0], MEAN.astype("float32")
    )


def test_several_inputs_each_with_its_own() -> None:
    a, b = onefit.Input((1,), name="a"), onefit.Input((2,), name="b")
    scale = layers.Normalization()
    scale.adapt(ROWS[:, :1])
    y = layers.Dense(1)(layers.Concatenate()([scale(a), b]))
    model = onefit.Model([a, b], y)
    kernel, bias = model.layers[-1].get_weights()
    made = model.predict({"a": ROWS[:, :1], "b": SCALED}, verbose=0)
    wanted = np.hstack([SCALED[:, :1], SCALED]) @ kernel + bias
    np.testing.assert_allclose(made, wanted, atol=1e-5)


def test_a_model_inside_a_model() -> None:
    inner = onefit.Sequential([onefit.Input((2,)), adapted()])
    close(onefit.Sequential([onefit.Input((2,)), inner, layers.Dense(1)]))


def test_a_chain_of_scalings() -> None:
    second = layers.Normalization(mean=MEAN / 60, variance=(DEVIATION / 60) ** 2)
    model = onefit.Sequential(
        [onefit.Input((2,)), layers.Rescaling(1 / 60), second, layers.Dense(1)]
    )
    close(model)


def test_whole_numbers_tables_and_batches() -> None:
    pandas = pytest.importorskip("pandas")
    seconds = np.arange(START, START + 40, dtype="int64")[:, None]
    layer = layers.Normalization()
    layer.adapt(seconds)
    model = onefit.Sequential([onefit.Input((1,)), layer])
    wanted = (seconds - seconds.mean()) / seconds.std()
    for x in (seconds, pandas.DataFrame({"t": seconds[:, 0]}), seconds.tolist()):
        np.testing.assert_allclose(model.predict(x, verbose=0), wanted, atol=1e-5)
    batches = onefit.data.Dataset.from_tensor_slices(seconds.astype(float)).batch(16)
    np.testing.assert_allclose(model.predict(batches, verbose=0), wanted, atol=1e-5)


def test_a_population_trains_it() -> None:
    model = chain(adapted())
    model.compile("adam", "mse", check=False)
    result = onefit.population.fit(
        model, ROWS, TARGETS, seeds=[1, 2], epochs=2, verbose=0
    )
    close(result.member(1))


def test_gradients_and_the_pure_way_take_the_whole_network() -> None:
    model = chain(adapted())
    near = jnp.asarray(ROWS[:2], "float32")
    grad = jax.grad(lambda x: model(x).sum())(near)
    kernel = model.layers[-1].get_weights()[0]
    wanted = np.broadcast_to(kernel[:, 0] / DEVIATION, (2, 2))
    np.testing.assert_allclose(grad, wanted, rtol=1e-4)
    assert len(model.params) == len(model.apply(model.params, near).shape)


def test_guide_and_trace_see_the_scaled_rows() -> None:
    model = chain(adapted())
    model.compile("adam", "mse", check=False)
    assert "digits-lost" not in str(model.check(ROWS, TARGETS))
    trace = model.trace(ROWS[:1], TARGETS[:1])
    np.testing.assert_allclose(trace.x, SCALED[:1], atol=1e-5)


def test_other_libraries_get_the_whole_network(tmp_path) -> None:
    torch = pytest.importorskip("torch")
    times, scale = ROWS[:, :1], layers.Rescaling(1 / 60, -START / 60)
    model = onefit.Sequential([onefit.Input((1,)), scale, layers.Dense(1)])
    module = onefit.interop.torch.to_torch(model).double()
    made = module(torch.from_numpy(times)).detach().numpy()
    np.testing.assert_allclose(made, model.predict(times, verbose=0), rtol=1e-4)
    onnx = pytest.importorskip("onnx")
    onefit.interop.onnx.export(chain(adapted()), tmp_path / "model.onnx")
    graph = onnx.load(tmp_path / "model.onnx").graph
    assert {"Sub", "Div"} <= {node.op_type for node in graph.node}


def test_where_it_is_not_first_a_warning_says_so() -> None:
    x = onefit.Input((2,))
    model = onefit.Model(x, adapted()(layers.Reshape((2,))(x)))
    with pytest.warns(OnefitWarning, match="float32 cuts off"):
        model.predict(ROWS, verbose=0)


def test_a_class_of_ones_own_computes_in_the_program_and_warns() -> None:
    class Own(onefit.Model):
        def train_step(self, data):
            return super().train_step(data)

    x = onefit.Input((2,))
    model = Own(x, layers.Dense(1)(adapted()(x)))
    with pytest.warns(OnefitWarning, match="float32 cuts off"):
        model.predict(ROWS, verbose=0)


def test_near_numbers_stay_in_the_program() -> None:
    layer = layers.Normalization()
    layer.adapt(SCALED + 3.0)
    assert not layer.on_host
    assert chain(layer).before is None
    constant = layers.Normalization()
    constant.adapt(np.full((5, 1), 1e6))
    assert not constant.on_host
