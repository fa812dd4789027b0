"""A module of torch trained here: step for step what its own loop does."""

import copy
import os
import signal

import numpy as np
import pytest

import onefit
from onefit import callbacks, config, datasets, metrics

torch = pytest.importorskip("torch")
from torch import nn, optim  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from onefit.interop.torch import fit, from_torch  # noqa: E402

RNG = np.random.default_rng(1)
SILENT = {"verbose": 0, "shuffle": False}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(7)


@pytest.fixture
def double():
    """All in 64 bits, so that two ways of one sum agree to many digits."""
    import jax

    before = config.floatx()
    with jax.enable_x64(True):
        config.set_floatx("float64")
        yield
        config.set_floatx(before)


def loop(module, x, y, loss, optimizer, epochs=1, batch_size=32):
    """What people write."""
    module.train()
    losses = []
    for _ in range(epochs):
        total = 0.0
        for i in range(0, len(x), batch_size):
            optimizer.zero_grad()
            value = loss(module(x[i : i + batch_size]), y[i : i + batch_size])
            value.backward()
            optimizer.step()
            total += value.item() * len(x[i : i + batch_size])
        losses.append(total / len(x))
    return losses


def data(n=10, features=3, out=2):
    x, y = RNG.normal(size=(n, features)), RNG.normal(size=(n, out))
    return torch.tensor(x), torch.tensor(y)


def mlp(features=3, out=2):
    return nn.Sequential(nn.Linear(features, 4), nn.Tanh(), nn.Linear(4, out)).double()


def same(one, other, tolerance=1e-9):
    """Whether two modules have the same tensors, buffers among them."""
    for (name, a), b in zip(
        one.state_dict().items(), other.state_dict().values(), strict=True
    ):
        np.testing.assert_allclose(
            a.detach().numpy(), b.detach().numpy(), atol=tolerance, err_msg=name
        )


def same_state(one, other, tolerance=1e-9):
    """Whether two optimizers have the same state."""
    a, b = one.state_dict(), other.state_dict()
    assert a["param_groups"] == b["param_groups"]
    assert a["state"].keys() == b["state"].keys()
    for key, state in a["state"].items():
        assert state.keys() == b["state"][key].keys()
        for name, value in state.items():
            theirs = b["state"][key][name]
            np.testing.assert_allclose(value, theirs, atol=tolerance, err_msg=name)
            assert value.dtype == theirs.dtype


OPTIMIZERS = [
    (optim.SGD, {"lr": 0.1}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    (optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    (optim.SGD, {"lr": 1e-3, "momentum": 0.5, "dampening": 0.3, "maximize": True}),
    (optim.Adam, {"lr": 0.05}),
    (optim.Adam, {"lr": 0.05, "amsgrad": True, "weight_decay": 0.1, "eps": 1e-3}),
    (optim.AdamW, {"lr": 0.05, "betas": (0.8, 0.9)}),
    (optim.Adamax, {"lr": 0.05}),
    (optim.RMSprop, {"lr": 0.01}),
    (optim.RMSprop, {"lr": 0.01, "momentum": 0.9, "centered": True}),
    (optim.Adagrad, {"lr": 0.1, "lr_decay": 0.1, "initial_accumulator_value": 0.2}),
    (optim.Adadelta, {"lr": 0.5, "weight_decay": 0.01}),
]


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize(("kind", "settings"), OPTIMIZERS)
def test_training_goes_from_one_side_to_the_other(kind, settings):
    x, y = data()
    mine, theirs = mlp(), None
    theirs = copy.deepcopy(mine)
    ours, own = (kind(m.parameters(), **settings) for m in (mine, theirs))
    loss = nn.MSELoss()
    for there in (True, False, True, False):
        if there:  # torch's loop is the beginning of ours, and the other way round
            loop(mine, x, y, loss, ours, 2, 4)
        else:
            fit(mine, x, y, loss=loss, optimizer=ours, epochs=2, batch_size=4, **SILENT)
    loop(theirs, x, y, loss, own, 8, 4)
    same(mine, theirs)
    same_state(ours, own)


def classes(n=8, k=3):
    return torch.tensor(RNG.integers(0, k, n))


W = torch.tensor([0.5, 1.0, 2.0])
UNIT = torch.tensor(RNG.uniform(0.1, 0.9, (8, 3)))
LOSSES = [
    (nn.MSELoss(), UNIT, None),
    (nn.MSELoss(reduction="sum"), UNIT, None),
    (nn.L1Loss(), UNIT, None),
    (nn.L1Loss(reduction="sum"), UNIT, None),
    (nn.SmoothL1Loss(beta=0.3), UNIT, None),
    (nn.SmoothL1Loss(beta=0.0), UNIT, None),
    (nn.HuberLoss(delta=0.4), UNIT, None),
    (nn.BCELoss(), UNIT, nn.Sigmoid()),
    (nn.BCELoss(weight=W, reduction="sum"), UNIT, nn.Sigmoid()),
    (nn.BCELoss(), UNIT, nn.Softmax(1)),
    (nn.BCEWithLogitsLoss(), UNIT, None),
    (nn.BCEWithLogitsLoss(weight=W, pos_weight=W + 1), UNIT, None),
    (nn.CrossEntropyLoss(), classes(), None),
    (nn.CrossEntropyLoss(weight=W), classes(), None),
    (nn.CrossEntropyLoss(label_smoothing=0.1, weight=W), classes(), None),
    (nn.CrossEntropyLoss(reduction="sum", ignore_index=1), classes(), None),
    (nn.CrossEntropyLoss(ignore_index=0), classes(), None),
    (nn.CrossEntropyLoss(label_smoothing=0.2), UNIT / UNIT.sum(1, True), None),
    (nn.NLLLoss(weight=W), classes(), nn.LogSoftmax(1)),
    (nn.KLDivLoss(reduction="batchmean"), UNIT, nn.LogSoftmax(1)),
    (nn.KLDivLoss(log_target=True), UNIT.log(), nn.LogSoftmax(1)),
    (nn.PoissonNLLLoss(), UNIT * 4, None),
    (nn.PoissonNLLLoss(full=True, log_input=False), UNIT * 4, nn.Sigmoid()),
    (nn.SoftMarginLoss(), (UNIT > 0.5).double() * 2 - 1, None),
    (F.mse_loss, UNIT, None),
    (F.cross_entropy, classes(), None),
]


@pytest.mark.usefixtures("double")
@pytest.mark.filterwarnings("ignore:reduction. 'mean' divides")
@pytest.mark.parametrize(
    ("loss", "y", "end"),
    LOSSES,
    ids=[getattr(loss, "__name__", str(loss)) for loss, *_ in LOSSES],
)
def test_losses(loss, y, end):
    x, _ = data(8)
    mine = nn.Sequential(nn.Linear(3, 3), *([] if end is None else [end])).double()
    theirs = copy.deepcopy(mine)
    weight = getattr(loss, "weight", None)
    if weight is not None and weight.dtype != torch.double:
        loss = loss.double()
    ours, own = (optim.SGD(m.parameters(), lr=0.1) for m in (mine, theirs))
    history = fit(
        mine, x, y, loss=loss, optimizer=ours, epochs=2, batch_size=5, **SILENT
    )
    wanted = loop(theirs, x, y, loss, own, 2, 5)
    np.testing.assert_allclose(history.history["loss"], wanted, rtol=1e-6)
    same(mine, theirs, 1e-7)


class Words(nn.Module):
    def __init__(self, kind):
        super().__init__()
        self.words = nn.Embedding(9, 4, padding_idx=0)
        ways = 1 + (kind == "GRU")
        self.rnn = getattr(nn, kind)(
            4, 3, 2 if kind == "LSTM" else 1, batch_first=True, bidirectional=ways > 1
        )
        self.head = nn.Linear(3 * ways, 1)

    def forward(self, x):
        y, _ = self.rnn(self.words(x))
        return self.head(y[:, -1] + y.mean(dim=1))


@pytest.mark.usefixtures("double")
@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN"])
def test_both_biases_of_recurrent_modules_train(kind):
    x, y = torch.tensor(RNG.integers(0, 9, (6, 5))), data(6, out=1)[1]
    mine = Words(kind).double()
    theirs = copy.deepcopy(mine)
    ours, own = (optim.Adam(m.parameters(), lr=0.05) for m in (mine, theirs))
    told = {"loss": nn.MSELoss(), "epochs": 3, "batch_size": 4}
    fit(mine, x, y, optimizer=ours, **told, **SILENT)
    loop(theirs, x, y, told["loss"], own, 3, 4)
    same(mine, theirs, 1e-8)
    same_state(ours, own, 1e-8)


@pytest.mark.usefixtures("double")
def test_batch_norm_convolution_and_what_is_frozen():
    mine = nn.Sequential(
        nn.Conv2d(2, 3, 3, padding=1, bias=False),
        nn.BatchNorm2d(3, momentum=0.3),
        nn.ReLU(),
        nn.ConvTranspose2d(3, 2, 3, stride=2, padding=1),
        nn.PReLU(2),
        nn.BatchNorm2d(2, affine=False),
        nn.MaxPool2d(3, 2, 1),
        nn.Flatten(),
        nn.Linear(18, 4),
        nn.LayerNorm(4),
        nn.Linear(4, 1),
    ).double()
    for module in (mine[0], mine[1]):
        module.requires_grad_(False)
    theirs = copy.deepcopy(mine)
    x, y = torch.tensor(RNG.normal(size=(7, 2, 3, 3))), data(7, out=1)[1]
    own = optim.SGD([p for p in theirs.parameters() if p.requires_grad], lr=0.1)
    ours = optim.SGD([p for p in mine.parameters() if p.requires_grad], lr=0.1)
    told = {"loss": nn.MSELoss(), "epochs": 3, "batch_size": 4}
    frozen = mine[0].weight.clone()
    fit(mine, x, y, optimizer=ours, **told, **SILENT)
    loop(theirs, x, y, told["loss"], own, 3, 4)
    assert int(mine[1].num_batches_tracked) == 6
    assert torch.equal(mine[0].weight, frozen)
    same(mine, theirs, 1e-8)


class Residual(nn.Module):
    """Grids in two branches, of one layer called twice, cut, joined and averaged."""

    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(4, 4, 1)
        self.norm, self.drop = nn.GroupNorm(2, 4), nn.Dropout2d(0.0)
        self.scale, self.slope = nn.LayerNorm(4), nn.PReLU(4)
        self.head = nn.Linear(8, 1)

    def forward(self, x):
        x = F.leaky_relu(self.one(x), 0.1)
        y = self.drop(self.norm(self.two(self.two(x)) + x * 0.5))
        z = torch.cat([x[:, :, 1:, 1:], self.slope(y)[:, :, :-1, :-1]], dim=1)
        z = F.avg_pool2d(z, 2, stride=1).permute(0, 2, 3, 1)[..., :4]
        return self.head(torch.cat([self.scale(z).mean((1, 2)), y.mean((2, 3))], 1))


@pytest.mark.usefixtures("double")
def test_a_traced_network_of_grids_trains_as_in_torch():
    mine = Residual().double()
    theirs = copy.deepcopy(mine)
    x, y = torch.tensor(RNG.normal(size=(6, 2, 5, 4))), data(6, out=1)[1]
    ours, own = (optim.Adam(m.parameters(), lr=0.02) for m in (mine, theirs))
    told = {"loss": nn.MSELoss(), "epochs": 3, "batch_size": 4}
    history = fit(mine, x, y, optimizer=ours, **told, **SILENT)
    loop(theirs, x, y, told["loss"], own, 3, 4)
    same(mine, theirs, 1e-8)
    with torch.no_grad():
        np.testing.assert_allclose(history.model.predict(x), mine(x), atol=1e-8)


def test_tensors_the_optimizer_has_not_stay():
    mine = nn.Sequential(nn.Linear(3, 2), nn.Linear(2, 2))
    first = mine[0].weight.clone()
    x, y = (a.float() for a in data())
    sgd = optim.SGD(mine[1].parameters(), lr=0.1)
    fit(mine, x, y, loss=nn.MSELoss(), optimizer=sgd, **SILENT)
    assert torch.equal(mine[0].weight, first)
    assert mine[0].weight.requires_grad


# The rest of fit ----------------------------------------------------------------------


def xor():
    x, y = map(torch.from_numpy, datasets.xor())
    module = nn.Sequential(
        nn.Linear(2, 8), nn.Tanh(), nn.Dropout(0.0), nn.Linear(8, 1), nn.Sigmoid()
    )
    return module, x, y


def test_xor_is_learned_in_place():
    module, x, y = xor()
    before = [id(p) for p in module.parameters()]
    adam = optim.Adam(module.parameters(), lr=0.05)
    history = fit(
        module,
        x,
        y,
        loss=nn.BCELoss(),
        optimizer=adam,
        epochs=400,
        batch_size=4,
        metrics=["accuracy"],
        verbose=0,
    )
    assert [id(p) for p in module.parameters()] == before
    assert history.history["accuracy"][-1] == 1
    with torch.no_grad():
        np.testing.assert_array_equal(module(x).round(), y)
    np.testing.assert_allclose(history.model.predict(x), module(x).detach(), atol=1e-6)
    assert adam.state[module[0].weight]["step"] == 400


def test_onefits_losses_and_optimizers_are_taken_too():
    module, x, y = xor()
    adam = onefit.optimizers.Adam(0.05)
    history = fit(
        module,
        x,
        y,
        loss="binary_crossentropy",
        optimizer=adam,
        epochs=300,
        batch_size=4,
        verbose=0,
    )
    assert history.history["loss"][-1] < 0.1
    with torch.no_grad():
        assert torch.equal(module(x).round(), y)


def test_validation_and_rules():
    module, x, y = xor()
    stop = callbacks.EarlyStopping("val_loss", patience=2, restore_best_weights=True)
    slow = callbacks.ReduceLROnPlateau("loss", patience=0, factor=0.5, min_delta=10.0)
    sgd = optim.SGD(module.parameters(), lr=0.5)
    history = fit(
        module,
        x,
        y,
        loss=nn.BCELoss(),
        optimizer=sgd,
        epochs=50,
        verbose=0,
        validation_data=(x + 0.1, 1 - y),
        callbacks=[stop, slow],
        metrics=[metrics.BinaryAccuracy()],
    )
    assert history.stopped == "rule"
    assert set(history.history) == {
        "loss",
        "binary_accuracy",
        "val_loss",
        "val_binary_accuracy",
        "learning_rate",
    }
    assert sgd.param_groups[0]["lr"] < 0.5
    best = min(history.history["val_loss"])
    with torch.no_grad():
        np.testing.assert_allclose(
            nn.BCELoss()(module(x + 0.1), 1 - y), best, rtol=1e-4
        )


def test_callbacks_find_the_module_as_it_is():
    module, x, y = xor()
    seen = []
    look = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(module[0].weight.clone())
    )
    adam = optim.Adam(module.parameters(), lr=0.05)
    fit(
        module,
        x,
        y,
        loss=nn.BCELoss(),
        optimizer=adam,
        epochs=3,
        verbose=0,
        callbacks=look,
    )
    assert len(seen) == 3
    assert not torch.equal(seen[0], seen[1])
    assert torch.equal(seen[2], module[0].weight)


def test_the_best_weights_come_back_after_the_callbacks_have_looked():
    module, x, y = xor()
    seen = []
    look = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: seen.append(module[0].weight.clone())
    )
    stop = callbacks.EarlyStopping(
        "loss", patience=1, min_delta=10.0, restore_best_weights=True
    )
    sgd = optim.SGD(module.parameters(), lr=0.5)
    fit(
        module,
        x,
        y,
        loss=nn.BCELoss(),
        optimizer=sgd,
        epochs=9,
        verbose=0,
        callbacks=[look, stop],
    )
    assert len(seen) == 2
    assert torch.equal(module[0].weight, seen[0])


def test_ctrl_c_leaves_what_was_learned():
    module, x, y = xor()
    first = module[0].weight.clone()

    def press(epoch, logs):
        if epoch == 5:
            os.kill(os.getpid(), signal.SIGINT)

    adam = optim.Adam(module.parameters(), lr=0.05)
    look = callbacks.LambdaCallback(on_epoch_end=press)
    history = fit(
        module,
        x,
        y,
        loss=nn.BCELoss(),
        optimizer=adam,
        epochs=100,
        verbose=0,
        callbacks=look,
    )
    assert history.stopped == "interrupted"
    assert adam.state[module[0].weight]["step"] == 6
    assert not torch.equal(module[0].weight, first)


def test_an_exception_leaves_what_was_learned():
    module, x, y = xor()

    def fail(epoch, logs):
        if epoch == 2:
            raise RuntimeError("mine")

    adam = optim.Adam(module.parameters(), lr=0.05)
    with pytest.raises(RuntimeError, match="mine"):
        fit(
            module,
            x,
            y,
            loss=nn.BCELoss(),
            optimizer=adam,
            epochs=9,
            verbose=0,
            callbacks=callbacks.LambdaCallback(on_epoch_end=fail),
        )
    assert adam.state[module[0].weight]["step"] == 3


def test_the_mode_of_the_module_and_its_forward_are_left():
    module, x, y = xor()
    module.eval()
    adam = optim.Adam(module.parameters())
    fit(module, x, y, loss=nn.BCELoss(), optimizer=adam, verbose=0)
    assert not module.training


def refused(text, kind=ValueError, **changes):
    module, x, y = xor()
    told = {
        "module": module,
        "x": x,
        "y": y,
        "loss": nn.BCELoss(),
        "optimizer": optim.SGD(module.parameters(), lr=0.1),
        "verbose": 0,
    }
    made = {k: v(module) for k, v in changes.items() if type(v) is type(refused)}
    told |= changes | made
    before = copy.deepcopy(told["module"])
    with pytest.raises(kind, match=text):
        fit(told.pop("module"), told.pop("x"), told.pop("y"), **told)
    if isinstance(before, nn.Module):
        same(before, module, 0)


def test_what_fit_refuses():
    refused(
        r"received torch\.optim\.LBFGS; expected one of Adadelta",
        optimizer=lambda m: optim.LBFGS(m.parameters()),
    )
    refused(r"received CTCLoss; expected one of BCELoss", loss=nn.CTCLoss())
    refused(r"MSELoss\(reduction='none'\)", loss=nn.MSELoss(reduction="none"))
    refused(
        r"BCEWithLogitsLoss of a module that ends in Sigmoid; .*write BCELoss",
        loss=nn.BCEWithLogitsLoss(),
    )
    refused(r"expected a loss of torch, or of onefit", TypeError, loss=3)
    refused(r"expected a module of torch", TypeError, module=lambda m: None)

    def groups(m):
        return optim.SGD(
            [{"params": m[0].parameters(), "lr": 0.2}, {"params": m[3].parameters()}],
            lr=0.1,
        )

    refused(r"optimizer\.param_groups\[1\]: received lr of its own", optimizer=groups)
    refused(
        r"parameters without 0\.bias; expected all tensors",
        optimizer=lambda m: optim.SGD([m[0].weight], lr=0.1),
    )
    refused(
        r"a tensor of shape \(5, 5\) that no module in use has",
        optimizer=lambda m: optim.SGD(
            [*m.parameters(), nn.Linear(5, 5).weight], lr=0.1
        ),
    )
    loader = torch.utils.data.DataLoader(torch.zeros(4, 2))
    refused(r"received a DataLoader", TypeError, x=loader)
    refused(
        r"received callbacks|rules and callbacks of onefit", TypeError, callbacks=[3]
    )


def test_hooks_on_gradients_are_refused():
    def change(m, g=None):
        m[0].weight.register_hook(lambda g: 2 * g)
        return optim.SGD(m.parameters(), lr=0.1)

    refused(
        r"0 \(Linear\): received a hook on the gradient of weight", optimizer=change
    )
    module, x, y = xor()
    module.register_full_backward_hook(lambda *_: None)
    with pytest.raises(ValueError, match=r"received a backward hook, '<lambda>'"):
        fit(module, x, y, loss=nn.BCELoss(), optimizer="sgd")
    from_torch(module)  # it computes the same


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(2, 1), nn.Linear(2, 3)

    def forward(self, x):
        return self.a(x), self.b(x)


def test_several_outputs():
    x = torch.ones(4, 2)
    y = [torch.ones(4, 1), torch.ones(4, 3)]
    with pytest.raises(ValueError, match=r"fit, Two: received a module with 2 outputs"):
        fit(Two(), x, y, loss=nn.MSELoss(), optimizer="sgd")
    history = fit(Two(), x, y, loss="mse", optimizer="sgd", **SILENT).history
    assert history.keys() == {"loss", "a_loss", "b_loss"}


def test_bfloat16_becomes_float32():
    module, x, y = xor()
    told = {"loss": nn.BCELoss(), "optimizer": "sgd", **SILENT}
    x, y = x.bfloat16(), y.bfloat16()
    fit(module, x, y, validation_data=(x, y), **told)
    with pytest.raises(
        ValueError, match=r"0\.weight of type bfloat16; .*torch\.float32"
    ):
        fit(module.bfloat16(), x, y, **told)


def test_a_row_of_targets_is_a_column():
    module, x, y = xor()
    other = copy.deepcopy(module)
    told = {"loss": nn.MSELoss(), "optimizer": "sgd", **SILENT}
    fit(module, x, y, **told)
    fit(other, x, y[:, 0], **told)
    same(module, other)


def test_different_numbers_of_steps_are_refused():
    module, x, y = xor()
    adam = optim.Adam(module.parameters())
    told = {"loss": nn.BCELoss(), "optimizer": adam, "verbose": 0}
    fit(module, x, y, **told)
    adam.state[module[0].bias]["step"] += 2
    with pytest.raises(ValueError, match=r"1 steps made by 0\.weight, 3 by 0\.bias"):
        fit(module, x, y, **told)


def test_from_torch_trains_as_a_model():
    module, x, y = xor()
    model = from_torch(module)
    model.compile(onefit.optimizers.Adam(0.05), "binary_crossentropy")
    model.fit(x, y, epochs=300, batch_size=4, verbose=0)
    assert np.array_equal(model.predict(x).round(), y)
