"""The old K, and what Keras 3 has left of it."""

import numpy as np
import pytest

import onefit
from onefit import backend as K

X = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
IMAGES = np.random.default_rng(1).normal(size=(2, 4, 4, 3)).astype("float32")


def test_every_name_of_keras_is_here_or_refused():
    keras = pytest.importorskip("keras")
    legacy = pytest.importorskip("keras.src.legacy.backend")
    names = {n for n in dir(keras.backend) if n[0] != "_"}
    names |= {
        n
        for n, f in vars(legacy).items()
        if getattr(f, "__module__", "") == legacy.__name__ and n[0] != "_"
    }
    for name in names:
        if name in K._REFUSED:
            with pytest.raises(AttributeError, match="Keras 2"):
                getattr(K, name)
        else:
            assert callable(getattr(K, name)), name
    assert not set(K._REFUSED) & set(K.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'meen'"):
        _ = K.meen


@pytest.mark.parametrize(
    ("name", "args", "expected"),
    [
        ("mean", (X, 0), X.mean(0)),
        ("argmax", (X,), X.argmax(-1)),
        ("clip", (X, 0, 1), X.clip(0, 1)),
        ("pow", (X, 2), X**2),
        ("permute_dimensions", (IMAGES, (0, 3, 1, 2)), IMAGES.transpose(0, 3, 1, 2)),
        ("transpose", (X,), X.T),
        ("gather", (X, [0, 2]), X[[0, 2]]),
        ("batch_flatten", (IMAGES,), IMAGES.reshape(2, -1)),
        ("flatten", (X,), X.ravel()),
        ("reshape", (X, (3, 4)), X.reshape(3, 4)),
        ("reverse", (X, 0), X[::-1]),
        ("repeat_elements", (X, 2, 1), X.repeat(2, 1)),
        ("repeat", (X, 2), np.stack([X, X], 1)),
        ("bias_add", (X, np.ones(3, "float32")), X + 1),
        ("dot", (X, X.T), X @ X.T),
        ("batch_dot", (X, X, 1), (X * X).sum(1, keepdims=True)),
        ("switch", (X[:, 0] > 0, X, -X), np.where(X[:, :1] > 0, X, -X)),
        ("relu", (X, 0.1), np.where(X > 0, X, 0.1 * X)),
        ("l2_normalize", (X, 1), X / np.linalg.norm(X, axis=1, keepdims=True)),
        ("int_shape", (X,), (4, 3)),
        ("count_params", (X,), 12),
        ("foldl", (lambda a, b: a + b, X), X.sum(0)),
        ("foldr", (lambda a, b: a - b, X[:2]), X[1] - X[0]),
        (
            "temporal_padding",
            (X[:, :, None],),
            np.pad(X[:, :, None], [(0, 0), (1, 1), (0, 0)]),
        ),
        (
            "spatial_2d_padding",
            (IMAGES,),
            np.pad(IMAGES, [(0, 0), (1, 1), (1, 1), (0, 0)]),
        ),
        ("pool2d", (IMAGES, (4, 4)), IMAGES.max((1, 2), keepdims=True)),
        (
            "resize_images",
            (IMAGES, 2, 2, "channels_last"),
            IMAGES.repeat(2, 1).repeat(2, 2),
        ),
        ("constant", (2.0, None, (2,)), [2, 2]),
        ("map_fn", (lambda r: r * 2, X), X * 2),
        ("get_value", (X,), X),
        ("one_hot", ([1], 2), [[0, 1]]),
        ("cast_to_floatx", ([1],), [1.0]),
    ],
)
def test_numbers(name, args, expected):
    np.testing.assert_allclose(getattr(K, name)(*args), expected, 1e-5, 1e-6)


def test_variables_are_read_and_replaced():
    v = K.variable([1.0, 2.0])
    K.set_value(v, [3.0, 4.0])
    K.update_add(v, [1.0, 1.0])
    K.update_sub(v, [0.0, 1.0])
    assert K.get_value(v).tolist() == [4, 4]
    K.moving_average_update(v, np.zeros(2), 0.5)
    K.batch_set_value([(v, K.batch_get_value([v])[0] * 2)])
    assert v.numpy().tolist() == [4, 4]


def test_a_graph_takes_them():
    x = onefit.Input((3,))
    model = onefit.Model(x, [K.mean(x, axis=-1), K.batch_dot(x, x, axes=1)])
    mean, dot = model.predict(X, verbose=0)
    np.testing.assert_allclose(mean, X.mean(-1), 1e-5)
    np.testing.assert_allclose(dot[:, 0], (X**2).sum(-1), 1e-5)


def test_types():
    keras = pytest.importorskip("keras")
    kinds = ["int8", "uint8", "int32", "bool", "float16", "bfloat16", "float32"]
    for one in kinds:
        assert K.is_float_dtype(one) == keras.backend.is_float_dtype(one)
        assert K.is_int_dtype(one) == keras.backend.is_int_dtype(one)
        for other in kinds:
            assert K.result_type(one, other) == keras.backend.result_type(one, other)
    for given in (None, "int", np.int8, "float16"):
        ours, theirs = (b.standardize_dtype(given) for b in (K, keras.backend))
        assert ours == theirs
    with pytest.raises(ValueError, match="received 'strong'"):
        K.standardize_dtype("strong")


def test_session_and_names():
    K.clear_session()
    assert [K.get_uid("a"), K.get_uid("a"), K.get_uid("b")] == [1, 2, 1]
    assert K.is_keras_tensor(onefit.Input((2,)))
    with K.name_scope("here"):
        pass
