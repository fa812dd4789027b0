"""Modules of torch as models, and models as modules: the same numbers both ways."""

import re
import warnings
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from layer_rows import ROWS

import onefit
from onefit import Input, Model, OnefitWarning, Sequential, layers
from onefit.types import is_shape

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torch.nn.utils import prune  # noqa: E402

from onefit.interop.torch import fit, from_torch, to_torch  # noqa: E402

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(5)


def outputs(module, *xs):
    """What a module gives when it does not train."""
    module.eval()
    with torch.no_grad():
        y = module(*(torch.from_numpy(x) for x in xs))
    return [a.numpy() for a in (y if isinstance(y, list | tuple) else [y])]


def agree(module, model, *xs, atol=1e-6):
    x = list(xs) if len(xs) > 1 else xs[0]  # pyright: ignore[reportGeneralTypeIssues]
    found = model.predict(x)
    found = found if isinstance(found, list) else [found]
    for mine, theirs in zip(found, outputs(module, *xs), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=atol)


def normal(*shape):
    return RNG.normal(size=shape).astype("float32")


def moved(module):
    """A module whose moving averages are some numbers."""
    module.running_mean.copy_(torch.linspace(-1, 1, module.num_features))
    module.running_var.copy_(torch.linspace(0.5, 2, module.num_features))
    nn.init.normal_(module.weight)
    nn.init.normal_(module.bias)
    return module


# From torch ---------------------------------------------------------------------------

VECTOR, SEQUENCE, IMAGE, VOLUME = (3, 4), (2, 4, 9), (2, 4, 8, 9), (2, 4, 5, 6, 5)

MODULES = [
    (nn.Linear(4, 3), VECTOR),
    (nn.Linear(9, 3, bias=False), SEQUENCE),
    (nn.Conv1d(4, 6, 3, padding=1), SEQUENCE),
    (nn.Conv1d(4, 6, 4, padding="same", dilation=2), SEQUENCE),
    (nn.Conv2d(4, 6, (3, 2), stride=2, padding=(1, 0), groups=2), IMAGE),
    (nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect", bias=False), IMAGE),
    (nn.Conv2d(4, 4, 3, padding=1, padding_mode="circular", groups=4), IMAGE),
    (nn.Conv3d(4, 2, 2, dilation=2), VOLUME),
    (nn.ConvTranspose1d(4, 2, 3, stride=2, output_padding=1), SEQUENCE),
    (nn.ConvTranspose2d(4, 3, 4, stride=2, padding=1), IMAGE),
    (nn.ConvTranspose2d(4, 3, 2, stride=3, padding=1, output_padding=2), IMAGE),
    (nn.ConvTranspose3d(4, 2, 2, bias=False), VOLUME),
    (moved(nn.BatchNorm1d(4, eps=0.01)), VECTOR),
    (moved(nn.BatchNorm1d(4)), SEQUENCE),
    (moved(nn.BatchNorm2d(4)), IMAGE),
    (nn.BatchNorm3d(4, affine=False), VOLUME),
    (nn.LayerNorm(9), SEQUENCE),
    (nn.LayerNorm((8, 9), bias=False), IMAGE),
    (nn.LayerNorm((4, 8, 9), elementwise_affine=False), IMAGE),
    (nn.RMSNorm(9), SEQUENCE),
    (nn.GroupNorm(2, 4), IMAGE),
    (nn.InstanceNorm2d(4, affine=True), IMAGE),
    (nn.Dropout(0.5), VECTOR),
    (nn.Dropout2d(0.5), IMAGE),
    (nn.AlphaDropout(0.5), VECTOR),
    (nn.FeatureAlphaDropout(0.5), IMAGE),
    (nn.Identity(), VECTOR),
    (nn.Flatten(), IMAGE),
    (nn.Flatten(2), VOLUME),
    (nn.Unflatten(1, (2, 2)), IMAGE),
    (nn.MaxPool1d(2), SEQUENCE),
    (nn.MaxPool2d(3, stride=2, padding=1), IMAGE),
    (nn.MaxPool3d(2), VOLUME),
    (nn.AvgPool1d(3, stride=2, padding=1), SEQUENCE),
    (nn.AvgPool2d((2, 3)), IMAGE),
    (nn.AvgPool3d(2, stride=1), VOLUME),
    (nn.AdaptiveAvgPool1d(1), SEQUENCE),
    (nn.AdaptiveAvgPool2d((3, None)), IMAGE),
    (nn.AdaptiveMaxPool2d(1), IMAGE),
    (nn.AdaptiveMaxPool3d((2, 3, 2)), VOLUME),
    (nn.ZeroPad2d((1, 2, 3, 0)), IMAGE),
    (nn.ZeroPad2d((-1, 2, 0, -2)), IMAGE),
    (nn.ConstantPad1d((1, 2), 0.5), SEQUENCE),
    (nn.ReflectionPad2d(2), IMAGE),
    (nn.ReplicationPad3d(1), VOLUME),
    (nn.CircularPad1d((1, 2)), SEQUENCE),
    (nn.Upsample(scale_factor=2), IMAGE),
    (nn.Upsample(scale_factor=3), SEQUENCE),
    (nn.Upsample(size=(16, 27), mode="bilinear"), IMAGE),
    (nn.ELU(0.7), VECTOR),
    (nn.LeakyReLU(0.2), VECTOR),
    (nn.CELU(0.7), VECTOR),
    (nn.CELU(), VECTOR),
    (nn.GELU(), VECTOR),
    (nn.GELU("tanh"), VECTOR),
    (nn.Softplus(), VECTOR),
    (nn.Softplus(2.0, 1.0), VECTOR),
    (nn.Softshrink(), VECTOR),
    (nn.Hardshrink(0.3), VECTOR),
    (nn.Hardtanh(), VECTOR),
    (nn.Hardtanh(-0.5, 0.3), VECTOR),
    (nn.Threshold(0.1, -2.0), VECTOR),
    (nn.GLU(), VECTOR),
    (nn.GLU(1), IMAGE),
    (nn.PReLU(), SEQUENCE),
    (nn.PReLU(4), IMAGE),
    (nn.Softmax(-1), VECTOR),
    (nn.Softmax(1), IMAGE),
    (nn.Softmax2d(), IMAGE),
    (nn.LogSoftmax(1), VECTOR),
    (nn.LogSoftmax(1), IMAGE),
    *((getattr(nn, name)(), VECTOR) for name in (
        "Hardsigmoid", "Hardswish", "LogSigmoid", "Mish", "ReLU", "ReLU6", "SELU",
        "SiLU", "Sigmoid", "Softsign", "Tanh", "Tanhshrink")),
]  # fmt: skip


@pytest.mark.parametrize(
    ("module", "shape"), MODULES, ids=lambda v: re.sub(r"\s", "", str(v))
)
def test_a_module_is_a_model_and_that_a_module_again(module, shape):
    x = normal(*shape)
    module.eval()
    model = from_torch(module, shape[1:])
    agree(module, model, x)
    again = to_torch(model)
    np.testing.assert_allclose(outputs(module, x)[0], outputs(again, x)[0], 1e-6, 1e-6)


def test_a_sequential_of_sequentials_keeps_its_names_and_order():
    body = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.MaxPool2d(2, padding=1))
    head = nn.Sequential(nn.Flatten(), nn.Linear(48, 5))
    module = nn.Sequential()
    module.add_module("body", body)
    module.add_module("head", head)
    model = from_torch(module, (1, 8, 8))
    assert isinstance(model, Sequential)
    names = [layer.name for layer in model.layers]
    assert names == [
        "body_0", "body_1", "body_2_border", "body_2", "head_0", "head_1",
    ]  # fmt: skip
    agree(module, model, normal(2, 1, 8, 8))


def test_weights_are_those_of_the_module():
    module = nn.Sequential(nn.Linear(2, 3), nn.Tanh(), nn.Linear(3, 1))
    model = from_torch(module)
    assert model.input_shape == (None, 2)
    for mine, theirs in zip(model.get_weights(), module.parameters(), strict=True):
        np.testing.assert_array_equal(mine, theirs.detach().numpy().T)
    # Copies: what one learns is not the other's.
    model.set_weights([np.zeros_like(w) for w in model.get_weights()])
    assert module[0].weight.abs().sum() > 0


class Words(nn.Module):
    def __init__(self, kind, **settings):
        super().__init__()
        self.words = nn.Embedding(20, 5, padding_idx=0)
        self.rnn = getattr(nn, kind)(5, 6, batch_first=True, **settings)
        ways = 2 if settings.get("bidirectional") else 1
        self.last = nn.Linear(12 * ways, 2)

    def forward(self, x):
        out, h = self.rnn(self.words(x))
        h = h[0] if isinstance(h, tuple) else h
        return self.last(torch.cat([out[:, -1], *self.states(h)], dim=1))

    def states(self, h):
        return [h[-2], h[-1]] if self.rnn.bidirectional else [h[-1]]


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        ("LSTM", {}),
        ("LSTM", {"num_layers": 2, "bidirectional": True, "dropout": 0.2}),
        ("GRU", {"bidirectional": True}),
        ("GRU", {"num_layers": 2, "bias": False}),
        ("RNN", {"nonlinearity": "relu"}),
        ("RNN", {"bidirectional": True}),
    ],
)
def test_recurrent_modules(kind, settings):
    class Traced(Words):
        def forward(self, x):
            out, h = self.rnn(self.words(x))
            h = h[0] if kind == "LSTM" else h
            return self.last(torch.cat([out[:, -1], *self.states(h)], dim=1))

    module = Traced(kind, **settings)
    agree(module, from_torch(module), RNG.integers(0, 20, (3, 7)))


class Network(nn.Module):
    """What people write: modules, functions, shapes."""

    def __init__(self):
        super().__init__()
        self.one = nn.Conv2d(2, 4, 3, padding=1)
        self.two = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.head = nn.Linear(4 * 4 * 4 + 3, 5)

    def forward(self, x, table):
        x = F.relu(self.one(x))
        x = x + self.norm(self.two(x)).relu()  # a residual
        x = self.two(F.dropout(x, 0.2, training=self.training))  # called twice
        x = F.max_pool2d(x, 2)
        x = torch.cat([x.view(x.size(0), -1), 2 * table - 1], dim=1)
        return F.log_softmax(self.head(x), dim=1)


def test_a_forward_is_traced():
    module = Network().eval()
    model = from_torch(module, [(2, 8, 8), (3,)])
    assert {layer.name for layer in model.layers} >= {"x", "table", "one", "dropout"}
    assert not module.training
    agree(module, model, normal(3, 2, 8, 8), normal(3, 3))
    again = to_torch(model)
    assert type(again).__name__ == "GraphModule"
    agree(again, model, normal(3, 2, 8, 8), normal(3, 3))


class Shapes(nn.Module):
    def forward(self, x):  # (n, 4, 6)
        y = x.transpose(1, 2).permute(0, 2, 1).reshape(-1, 24).unsqueeze(1).squeeze(1)
        z = torch.flatten(x, 1) * torch.sigmoid(y) - y / 2
        mean, top = x.mean(dim=2), x.amax(dim=-1, keepdim=True).squeeze(-1)
        part = x[:, 1:3, ::2].reshape(x.shape[0], 6)
        return z, torch.cat((mean, top.abs(), torch.exp(-part) ** 2), 1), -x.sum((1, 2))


def test_shapes_and_arithmetic():
    agree(Shapes(), from_torch(Shapes(), (4, 6)), normal(3, 4, 6))


def test_what_comes_from_torch_is_saved_like_any_other(tmp_path):
    module = nn.Sequential(
        nn.Conv2d(1, 2, 3), moved(nn.BatchNorm2d(2)), nn.ReLU(), nn.Flatten(),
        nn.Linear(18, 2), nn.Softmax(-1),
    )  # fmt: skip
    model = from_torch(module, (1, 5, 5))
    model.save(tmp_path / "model.keras")
    again = onefit.load_model(tmp_path / "model.keras")
    agree(module, again, normal(3, 1, 5, 5))


GRIDS = [
    lambda: nn.Conv2d(4, 4, 3, padding=1), lambda: nn.Conv2d(4, 4, 2, stride=2),
    lambda: nn.ConvTranspose2d(4, 4, 3, padding=1), lambda: nn.BatchNorm2d(4),
    lambda: nn.GroupNorm(2, 4), nn.ReLU, lambda: nn.PReLU(4), nn.GELU,
    lambda: nn.MaxPool2d(3, 1, 1), lambda: nn.AvgPool2d(2, 1),
    lambda: nn.Softmax(1), lambda: nn.ZeroPad2d((1, 0, 2, 0)),
    lambda: nn.AdaptiveAvgPool2d((3, 2)), lambda: nn.Upsample(scale_factor=2),
    lambda: nn.Dropout2d(0.3), lambda: nn.Sequential(nn.Tanh(), nn.Identity()),
]  # fmt: skip


@settings(max_examples=8, deadline=None, database=None)
@given(st.lists(st.sampled_from(range(len(GRIDS))), min_size=1, max_size=5))
def test_any_sequence_of_modules_goes_there_and_back(numbers):
    body = nn.Sequential(*(GRIDS[number]() for number in numbers))
    x = normal(2, 4, 8, 9)
    try:
        size = outputs(body, x)[0][0].size
    except RuntimeError:  # of torch: the windows have become larger than the grid
        assume(False)
    module = nn.Sequential(body, nn.Flatten(), nn.Linear(size, 3))
    model = from_torch(module, (4, 8, 9))
    agree(module, model, x, atol=1e-5)
    again = to_torch(model)
    np.testing.assert_allclose(outputs(module, x)[0], outputs(again, x)[0], atol=1e-5)


def test_frozen_modules_are_frozen_layers():
    module = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    module[0].requires_grad_(False)
    model = from_torch(module)
    assert [layer.trainable for layer in model.layers] == [False, True]
    again = to_torch(model)
    assert [p.requires_grad for p in again.parameters()] == [False] * 2 + [True] * 2


REFUSED = [
    (nn.Sequential(nn.Linear(2, 2), nn.Sequential(nn.Bilinear(2, 2, 1))), (2,),
     r"1\.0 \(Bilinear\): received a module that onefit has no layer for"),
    (nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 1)), None,
     r"2 \(Linear\) > .*Give input_shape, all sizes of an example\."),
    (nn.Sequential(nn.ReLU(), nn.Linear(2, 1)), None,
     r"expected the shape of an example\. Write from_torch\(module, input_shape="),
    (nn.Sequential(nn.Linear(2, 3), nn.Linear(4, 1)), None,
     r"1 \(Linear\) > Dense 'dense_1': received 3 features"),
    (nn.Sequential(nn.BatchNorm1d(2, momentum=None)), (2,),
     r"0 \(BatchNorm1d\): received momentum=None.*momentum=0\.1"),
    (nn.Sequential(nn.BatchNorm1d(2, track_running_stats=False)), (2,),
     r"received track_running_stats=False; expected track_running_stats=True"),
    (nn.MaxPool1d(2, ceil_mode=True), (2, 8), r"received ceil_mode=True"),
    (nn.AvgPool1d(3, padding=1, count_include_pad=False), (2, 8),
     r"received count_include_pad=False"),
    (nn.Upsample(scale_factor=2, mode="bicubic"), (1, 4, 4), r"mode='bicubic'"),
    (nn.Softmax(), (2,), r"received dim=None; .*Write Softmax\(dim=1\)"),
    (nn.Linear(2, 1).double(), None, r"weight of type float64; expected float32"),
    (nn.Embedding(5, 2, max_norm=1.0), (3,), r"received max_norm=1\.0"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "shape", "text"), REFUSED)
def test_what_is_refused_says_where_and_what_to_write(module, shape, text):
    with pytest.raises(ValueError, match=text):
        from_torch(module, shape)


def forward(function, *modules):
    class Other(nn.Module):
        def __init__(self):
            super().__init__()
            for i, inner in enumerate(modules):
                self.add_module(f"part{i}", inner)

        def forward(self, x):
            return function(self, x)

    return Other()


def tied():
    one, other = nn.Linear(2, 2), nn.Linear(2, 2)
    other.weight = one.weight
    return nn.Sequential(one, other)


def partly():
    module = nn.Sequential(nn.Linear(2, 2))
    module[0].weight.requires_grad_(False)
    return module


TRACED = [
    (tied(), r"1 \(Linear\): received 1\.weight, which is the same tensor as 0\.wei"),
    (partly(), r"0 \(Linear\): received requires_grad=False of 0\.weight alone"),
    (forward(lambda m, x: torch.linalg.norm(x)), r"Other\.forward, .* 'linalg_norm'"),
    (forward(lambda m, x: x if x.sum() > 0 else -x), r"torch\.fx cannot follow"),
    (forward(lambda m, x: x.view(-1)), r"view: received \(-1,\)"),
    (forward(lambda m, x: x[0]), r"an index: received 0"),
    (forward(lambda m, x: x.softmax(0).mean(0)), r"the batch among them"),
    (forward(lambda m, x: m.part0(x), nn.LSTM(2, 3, batch_first=True)),
     r"Other\.forward: received an output that is no tensor"),
    (forward(lambda m, x: m.part0(x)[0], nn.LSTM(2, 3)),
     r"part0 \(LSTM\): received batch_first=False"),
    (forward(lambda m, x: m.part0(x, x)[0], nn.GRU(2, 3, batch_first=True)),
     r"part0 \(GRU\): received 2 inputs; .* Leave the first states out"),
]  # fmt: skip


def hidden(act):
    module = nn.Sequential(nn.Linear(2, 2), nn.Tanh())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the old weight_norm is not to be used
        act(module)
    return module


HIDDEN = [
    (lambda m: m[0].register_forward_hook(lambda m, x, y: 2 * y),
     r"0 \(Linear\): received a forward hook, '<lambda>'.*move|Move what it does into"),
    (lambda m: m.register_forward_pre_hook(lambda m, x: (2 * x[0],)),
     r"Sequential: received a forward pre hook"),
    (lambda m: prune.l1_unstructured(m[0], "bias", 0.5),
     r"0 \(Linear\): .*'L1Unstructured'.*prune\.remove\(module, 'bias'\), which lea"),
    (lambda m: nn.utils.weight_norm(m[0]), r"remove_weight_norm\(module, 'weight'\)"),
    (lambda m: nn.utils.spectral_norm(m[0]), r"remove_spectral_norm\(module, 'weight'"),
    (lambda m: nn.utils.parametrizations.weight_norm(m[0]),
     r"received parametrizations of weight.*remove_parametrizations\(module, 'weight'"),
    (lambda m: setattr(m[1], "forward", torch.sin),
     r"1 \(Tanh\): received a `forward` of its own instance.*the module's class"),
    (lambda m: m.append(nn.LazyLinear(1)), r"2 \(LazyLinear\): .*Call it once before"),
    (lambda m: m.to("meta"), r"0 \(Linear\): received 0\.weight on the device 'meta'"),
]  # fmt: skip


@pytest.mark.parametrize(("act", "text"), HIDDEN)
def test_what_changes_a_module_beside_its_class_is_refused(act, text):
    module = hidden(act)
    with pytest.raises(ValueError, match=text):
        from_torch(module, (2,))
    with pytest.raises(ValueError, match=text):
        fit(module, normal(4, 2), normal(4, 2), loss=nn.MSELoss(), optimizer="sgd")


def test_pruned_for_good_is_taken():
    module = hidden(lambda m: prune.l1_unstructured(m[0], "weight", 0.5))
    prune.remove(module[0], "weight")
    agree(module, from_torch(module), normal(3, 2))


def test_functions_of_dropout():
    text = (
        r"Other\.forward, dropout: received F\.dropout that drops in eval\(\), too.*wri"
    )
    for told in ({}, {"training": True}):
        with pytest.raises(ValueError, match=f"(?i){text}"):
            from_torch(forward(lambda m, x, t=told: F.dropout(x, 0.5, **t)), (2,))
    for drop in (
        lambda m, x: F.dropout(x, 0.5, training=m.training),
        lambda m, x: F.dropout(x, 0.5) if m.training else x,
        lambda m, x: F.alpha_dropout(x, 0.5, m.training),
    ):
        model = from_torch(forward(drop), (2,))
        assert len(model.layers) == 2
        assert "Dropout" in type(model.layers[1]).__name__
    assert type(
        from_torch(forward(lambda m, x: F.alpha_dropout(x)), (2,)).layers[1]
    ) is (layers.Identity)  # torch's default is not to drop


@pytest.mark.parametrize(("module", "text"), TRACED)
def test_what_a_forward_may_not_do(module, text):
    with pytest.raises(ValueError, match=text):
        from_torch(module, (5, 2))


# To torch -----------------------------------------------------------------------------


def case(row):
    """A model with one layer of the contract's, or None if it is another matter."""
    layer = row.make()
    alone = row.mask or row.options or layer.stateful
    if alone or row.layer.endswith(("Cell", "Cells")) or row.layer == "InputLayer":
        return None
    shapes = row.open_shape()
    given = Input(shapes[1:]) if is_shape(shapes) else [Input(s[1:]) for s in shapes]
    y = layer(given)
    return Model(given, list(y) if isinstance(y, tuple) else y)


# Why torch has no module for a layer, by its name; others are refused for a setting.
WITHOUT = {
    "Attention", "CenterCrop", "ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D",
    "DepthwiseConv1D", "DepthwiseConv2D", "Dot", "EinsumDense",
    "GroupQueryAttention", "Masking", "MultiHeadAttention", "Normalization",
    "RandomBrightness", "RandomContrast", "RandomCrop", "RandomFlip", "RandomRotation",
    "RandomTranslation", "RandomZoom", "Resizing", "ReversibleEmbedding",
    "SeparableConv1D", "SeparableConv2D", "SpectralNormalization", "TimeDistributed",
    "UnitNormalization",
    "AutoContrast", "CategoryEncoding", "CutMix", "Discretization", "Equalization",
    "MelSpectrogram", "MixUp", "RandomColorDegeneration", "RandomColorJitter",
    "RandomErasing", "RandomGaussianBlur", "RandomGrayscale", "RandomHue",
    "RandomInvert", "RandomPosterization", "RandomSaturation", "RandomSharpness",
    "RandomShear", "STFTSpectrogram", "Solarization",
    "AugMix", "ContrastLimitedAdaptiveHistogramEqualization", "MaxNumBoundingBoxes",
    "Pipeline", "RandAugment", "RandomElasticTransform", "RandomPerspective",
    "CategoryOneHot", "CategoryVectors", "EnsembleDense", "FadingDropout",
    "FeatureScale", "NTPDense", "ParametricActivation", "PeriodicEmbedding",
    "RobustScaling",
}  # fmt: skip

# Refused for the settings that the rows have.
SETTINGS = {
    "AlphaDropout",
    "Bidirectional",
    "Lambda",
    "Maximum",
    "Multiply",
    "Subtract",
}


@pytest.mark.filterwarnings("ignore::onefit.OnefitWarning", "ignore:Using padding=")
def test_every_layer_of_the_contract_is_the_same_in_torch_or_refused():
    done, refused = set(), {}
    seen = Counter()
    for row in ROWS:
        seen[row.layer] += 1
        if seen[row.layer] > 2 or (model := case(row)) is None:
            continue
        try:
            module = to_torch(model)
        except ValueError as error:
            refused[row.layer] = model.layers[-1].name, str(error)
            continue
        x = row.inputs()
        agree(module, model, *(x if isinstance(x, tuple) else (x,)), atol=2e-6)
        done.add(row.layer)
    assert not done & WITHOUT
    assert all(name in text for name, text in refused.values())
    assert refused.keys() - done - SETTINGS == WITHOUT & {row.layer for row in ROWS}


def test_channels_last_are_moved_once_there_and_back():
    model = Sequential([
        Input((8, 8, 2)), layers.Conv2D(4, 3, strides=2, padding="same"),
        layers.BatchNormalization(), layers.ReLU(), layers.MaxPooling2D(2),
        layers.Flatten(), layers.Dense(3, activation="softmax"),
    ])  # fmt: skip
    module = to_torch(model)
    assert module.code.count(".permute(") == 2  # pyright: ignore[reportAttributeAccessIssue]
    agree(module, model, normal(3, 8, 8, 2))


def test_channels_first_are_a_sequential():
    first = {"data_format": "channels_first"}
    model = Sequential([
        Input((2, 8, 8)), layers.Conv2D(4, 3, activation="relu", **first),
        layers.GlobalAveragePooling2D(keepdims=True, **first),
    ])  # fmt: skip
    assert "GraphModule" in str(type(to_torch(model)))  # a mean is no module
    model.pop()
    module = to_torch(model)
    assert [type(m).__name__ for m in module] == ["Conv2d", "ReLU"]  # pyright: ignore[reportGeneralTypeIssues]
    assert not module.training


def test_graphs_and_models_inside():
    x = Input((4,))
    inner = Sequential([Input((4,)), layers.Dense(4, "tanh")], name="inner")
    shared = layers.Dense(3)
    y = layers.Concatenate()([shared(inner(x)), shared(x * 2.0)])
    model = Model(x, [y, layers.Add()([shared(x), shared(x)])])
    module = to_torch(model)
    assert len(list(module.parameters())) == 4
    agree(module, model, normal(5, 4))


def test_torchs_generator_is_left_as_it_is():
    model = Sequential([Input((2,)), layers.Dense(2), layers.BatchNormalization()])
    torch.manual_seed(1)
    first = torch.rand(3)
    torch.manual_seed(1)
    to_torch(model)
    assert torch.equal(first, torch.rand(3))


def test_what_stays_behind_is_said():
    model = Sequential([Input((2,)), layers.Dense(2, kernel_regularizer="l2")])
    with pytest.warns(OnefitWarning, match=r"Dense 'dense': kernel_regularizer stays"):
        to_torch(model)


def test_what_to_torch_refuses():
    with pytest.raises(ValueError, match=r"to_torch: received the model 'sequential'"):
        to_torch(Sequential([layers.Dense(2)]))
    mine = layers.Lambda(lambda x: x * 2, name="mine")
    with pytest.raises(ValueError, match=r"Lambda 'mine': received a function of your"):
        to_torch(Sequential([Input((2,)), mine]))
    words = [Input((3,)), layers.Embedding(4, 2, mask_zero=True), layers.LSTM(2)]
    with pytest.raises(ValueError, match=r"Embedding 'embedding': received mask_zero"):
        to_torch(Sequential(words))
    odd = layers.LSTM(2, recurrent_activation="hard_sigmoid")
    with pytest.raises(ValueError, match=r"received recurrent_activation='hard_sig"):
        to_torch(Sequential([Input((3, 2)), odd]))
    odd = layers.Dense(2, activation="sparsemax")
    with pytest.raises(ValueError, match=r"received the activation 'sparsemax'"):
        to_torch(Sequential([Input((2,)), odd]))


def test_without_torch_the_error_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=r'pip install "onefit\[torch\]"'):
        onefit.interop.torch.from_torch(None)
