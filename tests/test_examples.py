"""The examples run, and print the lectures' numbers."""

import hashlib
import importlib.util
import re
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from onefit import datasets

EXAMPLES = Path(__file__).parents[1] / "examples"


def load(name):
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(name, **arguments):
    return load(name).main(**arguments)


def test_the_table_lists_every_script_with_its_lectures():
    table = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| \[(\w+)\.py\]\(\1\.py\) \| ([\d, ]+) \|", table, re.M))
    files = {
        file.stem: file.read_text(encoding="utf-8") for file in EXAMPLES.glob("*.py")
    }
    assert rows.keys() == files.keys()
    for name, text in files.items():
        docstring = text.split('"""')[1]
        lectures = set(re.findall(r"(?<![,\d])00\d", docstring))  # not 50,000
        assert lectures == set(rows[name].split(", ")), name
        assert f"test_{name}" in globals(), f"{name}.py has no test here"


def test_single_neuron():
    for name, pairs in run("single_neuron").items():
        w, w_onefit, b, b_onefit = pairs.T
        assert_allclose(w_onefit, w, atol=1e-5, err_msg=name)
        assert_allclose(b_onefit, b, atol=1e-5, err_msg=name)
        assert abs(w[-1] - w[0]) > 0.05


def test_house_prices():
    found = run("house_prices")
    assert_allclose((found["w"], found["b"]), found["line"], atol=0.1)
    assert found["prices"][0] == 0  # where the line is below zero
    assert_allclose(found["prices"][1:, 0], [1.5, 2.5, 3.5, 4.5, 5.5], atol=0.1)
    assert found["dead"] == 4


def test_coffee_roasting(capsys):
    found = run("coffee_roasting")
    assert found["accuracy"] > 0.97
    assert found["yhat"] == [1, 1, 0, 0, 0]
    assert "layer1 (Dense)" in capsys.readouterr().out


def test_digits():
    found = run("digits")
    for classes, least in ((2, 0.99), (10, 0.93)):
        plain, logits = found[classes, False], found[classes, True]
        assert_allclose(plain[0], logits[0], rtol=1e-6)  # the loss of each epoch
        assert plain[1] == logits[1] >= least
    assert_allclose(found["probabilities"].sum(), 1, rtol=1e-6)
    naive, clipped, *onefit = np.array(found["rounding"]).T
    exact = [10, 50, 100, 200]  # log(1 + exp(2z))
    for values in onefit:
        assert_allclose(values, exact, rtol=1e-5)
    assert naive[-1] == np.inf
    assert_allclose(clipped, [10, *[7 * np.log(10)] * 3], rtol=1e-4)


def test_softmax_probabilities():
    found = run("softmax_probabilities")
    assert_allclose(found["logistic"], [0.71, 0.29], atol=1e-6)
    assert_allclose(found["two"], [0.71, 0.29], atol=1e-6)
    a, losses = found[4]
    assert_allclose(a, [0.30, 0.20, 0.15, 0.35], atol=1e-6)
    assert_allclose(losses, -np.log([0.30, 0.20, 0.15, 0.35]), atol=1e-6)
    assert_allclose(found[3][0], [0.5, 0.2, 0.3], atol=1e-6)


def test_multilabel():
    found = run("multilabel")
    assert found["multilabel"] > 0.95
    assert found["multiclass"] > 0.95
    assert_allclose(found["classes"].sum(axis=1), 1, rtol=1e-5)
    assert (found["labels"] > 0.5).sum(axis=1).tolist() == [3, 1, 0]


def test_linear_layers():
    found = run("linear_layers")
    assert found["linear"] < 1e-5
    assert found["relu"] > 0.1


def test_piecewise_linear():
    found = run("piecewise_linear")
    assert_allclose(found["model"], found["numpy"], atol=1e-6)
    assert_allclose(found["numpy"], [0, 0, 0.5, 1, 2, 3, 3.5, 4, 4])


def test_xor_by_hand():
    found = run("xor_by_hand")
    assert_allclose(found["hidden"], [[0, 1], [1, 1], [1, 1], [1, 0]], atol=1e-4)
    assert_allclose(found["output"], [[0], [1], [1], [0]], atol=1e-4)


def test_xor_training():
    found = run("xor_training")
    loss, accuracy, outputs = found["without"]
    assert round(loss, 4) == 0.6931
    assert accuracy <= 0.75  # no line separates more than three of the four
    assert_allclose(outputs, 0.5, atol=1e-3)
    loss, accuracy, outputs = found["with"]
    assert loss < 0.0812  # the lecture's
    assert accuracy == 1
    assert_allclose(outputs, [[0], [1], [1], [0]], atol=0.1)
    assert found["stuck"] == [4, 7, 8, 9]


def test_xor_populations(tmp_path):
    module = load("xor_populations")
    found = module.main(seeds=30, units=(2, 8), activations=("sigmoid", "relu"))
    stuck, many = found["stuck"], found["population"]
    assert len(many) == 2 * 2 * 2 * 30
    for two, eight in stuck.values():
        assert eight < two
    assert (stuck["sigmoid", "SGD"] < stuck["relu", "SGD"]).all()
    loss = many.final("loss")  # whoever is stuck lies on one of three plateaus
    plateaus = [np.log(2) / 2, np.log(3) - np.log(2) * 2 / 3, np.log(2)]
    plateaus[1] *= 3 / 4  # three answers of four: 1/3, or 2/3
    away = np.abs(loss[loss > module.SOLVED, None] - plateaus).min(axis=1)
    assert away.max() < 0.02
    pytest.importorskip("matplotlib")
    figure = module.draw(many)
    assert len(figure.axes) == 2
    figure.savefig(tmp_path / "xor.png")


def test_training_loop():
    found = run("training_loop")
    assert len(found["losses"]) == 10
    assert found["losses"] == sorted(found["losses"], reverse=True)
    assert found["losses"][-1] < 0.05
    assert_allclose(found["outputs"], [[0], [1], [1], [0]], atol=0.05)


def test_training_loop_prints_what_torch_prints():
    torch = pytest.importorskip("torch")
    torch.manual_seed(3)
    nn = torch.nn
    model = nn.Sequential(nn.Linear(2, 2), nn.Sigmoid(), nn.Linear(2, 1), nn.Sigmoid())
    weights = [w.detach().numpy().T.copy() for w in model.parameters()]
    x, y = map(torch.from_numpy, datasets.xor())
    optimizer, losses = torch.optim.Adam(model.parameters(), lr=0.01), []
    for epoch in range(1000):
        optimizer.zero_grad()
        loss = nn.BCELoss()(model(x), y)
        loss.backward()
        optimizer.step()
        if epoch % 100 == 0:
            losses.append(loss.item())
    found = run("training_loop", weights=weights)
    assert losses[0] - losses[-1] > 0.1
    assert_allclose(found["losses"], losses, atol=1e-4)


def test_torch_network():
    pytest.importorskip("torch")
    found = run("torch_network", epochs=500)
    loop, *fits = found.values()
    for one in fits:
        assert_allclose(one["losses"], loop["losses"], atol=1e-4)
        assert_allclose(one["outputs"], loop["outputs"], atol=1e-4)


def test_mse_rmse():
    found = run("mse_rmse")
    # (0.25 + 0.25 + 0 + 1) / 4
    assert_allclose(found["mse"], [0.375] * 3, rtol=1e-6)
    assert_allclose(found["rmse"], [0.375**0.5] * 3, rtol=1e-6)


def test_lasso_ridge():
    found = run("lasso_ridge")
    assert_allclose(found["L1"], found["Lasso"], atol=1e-3)
    assert_allclose(found["L2"], found["Ridge"], atol=1e-5)
    irrelevant = found["true"] == 0
    assert (np.abs(found["L1"][irrelevant]) < 1e-5).all()
    assert (np.abs(found["L2"][irrelevant]) > 1e-3).all()
    assert (np.abs(found["none"][irrelevant]) > 1e-3).all()


def test_gradient_descent():
    found = run("gradient_descent")
    assert found["x²"]["gradient"] == -2
    assert found["x² + y²"]["gradient"].tolist() == [-2, -2]
    for paths in found.values():
        for alpha in (0.01, 0.3, 1.1):  # x := x - α·2x
            steps = -((1 - 2 * alpha) ** np.arange(21))
            assert_allclose(paths[alpha].reshape(21, -1)[:, 0], steps, rtol=1e-4)


def test_optimizer_paths(tmp_path):
    module = load("optimizer_paths")
    paths = module.main()
    start, ends = module.f(module.START), {n: module.f(p[-1]) for n, p in paths.items()}
    assert max(ends.values()) < 0.01 * start
    assert_allclose(
        paths["SGD"][1], module.START * (1 - 0.9 * np.array([0.1, 2])), 1e-5
    )
    # Adam's first step is α in each direction, whatever the gradient.
    assert_allclose(paths["Adam"][1], module.START - [-0.25, 0.25], rtol=1e-4)
    pytest.importorskip("matplotlib")
    figure = module.draw(paths)
    assert len(figure.axes) == len(paths) == 6
    figure.savefig(tmp_path / "paths.png")


def test_activation_functions():
    found = run("activation_functions")
    z = found["z"]
    sigmoid, slope = found["sigmoid"]
    assert_allclose(sigmoid, 1 / (1 + np.exp(-z)), rtol=1e-5)
    assert_allclose(slope, sigmoid * (1 - sigmoid), rtol=1e-4)
    assert_allclose(found["2 sigmoid(2z) - 1"], found["tanh"][0], atol=1e-6)
    assert_allclose(found["tanh"][1], 1 - found["tanh"][0] ** 2, atol=1e-6)
    assert_allclose(found["ReLU"][0], np.maximum(0, z))
    assert_allclose(found["Leaky ReLU"][0], np.where(z > 0, z, 0.01 * z), rtol=1e-6)
    assert_allclose(found["Leaky ReLU"][1], np.where(z > 0, 1, 0.01), rtol=1e-6)
    assert_allclose(found["ELU"][0], np.where(z > 0, z, np.exp(z) - 1), rtol=1e-5)
    assert_allclose(found["softplus"][1], sigmoid, rtol=1e-5)


def test_activation_functions_as_a_script(tmp_path, monkeypatch, capsys):
    pytest.importorskip("matplotlib")
    script, figure = EXAMPLES / "activation_functions.py", tmp_path / "figure.png"
    monkeypatch.setattr(sys, "argv", [str(script), str(figure)])
    runpy.run_path(str(script), run_name="__main__")
    assert figure.read_bytes().startswith(b"\x89PNG")
    assert "Leaky ReLU" in capsys.readouterr().out


def test_parameter_counts(capsys):
    found = run("parameter_counts")
    assert found == {"6-9-4": [63, 40], "8-9-9-9-4": [81, 90, 90, 40]}
    out = capsys.readouterr().out
    assert "63 + 40 = 103" in out
    assert "81 + 90 + 90 + 40 = 301" in out


def test_mnist(tmp_path):
    # The digits that are shipped, enlarged to 28 by 28 pixels of 0 to 255.
    x, y = datasets.load_digits()
    x = np.kron(x.reshape(-1, 8, 8) * (255 / 16), np.ones((3, 3)))
    x = np.pad(x, ((0, 0), (2, 2), (2, 2))).astype(np.uint8)
    file = tmp_path / "small.npz"
    np.savez(file, x_train=x[:1200], y_train=y[:1200], x_test=x[1200:], y_test=y[1200:])
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    found = run("mnist", path=file, sha256=sha256, epochs=20)
    assert found["accuracy"] > 0.8
    assert_allclose(found["probabilities"].sum(axis=1), 1, rtol=1e-5)


def test_overfitting():
    found = run("overfitting")
    count, epochs, training, validation = found.pop("none")
    assert (count, epochs) == (64 * 2 + 65 * 64 + 65, 1000)
    assert validation > 4 * training  # it has learned the noise
    for name, (*_, error, unseen) in found.items():
        assert error > training, name
        assert unseen < validation, name
    assert found["fewer parameters"][0] == 8 * 2 + 9 * 8 + 9
    assert found["early stopping"][1] < 500


def test_cnn_digits():
    found = run("cnn_digits", epochs=40)
    for name, (accuracy, _) in found.items():
        assert accuracy > 0.9, name
    assert found["augmented"][1] > 0.85
    assert found["dense"][1] < 0.6


def test_cnn_mnist_shape():
    found = run("cnn_mnist_shape", epochs=2)
    assert found["accuracy"] > 0.85


def test_inception(capsys):
    found = run("inception", epochs=10)
    assert found["accuracy"] > 0.8
    out = capsys.readouterr().out
    assert "Connected to" in out


def test_two_inputs_two_outputs():
    found = run("two_inputs_two_outputs", epochs=30)
    assert found["zone_accuracy"] > 0.9
    assert found["postage_mae"] < 0.4 * found["scatter"]


def test_text_lstm():
    found = run("text_lstm", epochs=5)
    assert found["accuracy"] > 0.98
    assert_allclose(found["answers"], [0, 1, 1, 0], atol=0.1)


def test_text_compared():
    found = run("text_compared", epochs=5)
    average, *others = found.values()
    assert average[0] < 0.65
    for accuracy, first in others:
        assert accuracy > 0.98
        assert first <= 4


def test_series_forecast():
    found = run("series_forecast")
    naive = min(found["as today"], found["as a week ago"])
    for name in ("convolutional", "recurrent"):
        assert found["the noise"] < found[name] < 0.8 * naive, name


def test_autoencoder():
    found = run("autoencoder", epochs=100)
    assert found["autoencoder"] < 0.8 * found["PCA"] < 0.4 * found["mean digit"]
    assert found["codes"].shape == (357, 8)
    assert found["digits"].shape == (357, 64)


def test_transformer():
    found = run("transformer")
    assert found["average"] < 0.5
    assert found["attention"] > 0.95
    assert_allclose(found["weights"].sum(axis=-1), 1, rtol=1e-5)


@pytest.mark.filterwarnings("ignore::onefit.guide.TrainingWarning")
def test_why_it_does_not_learn():
    reports, history = run("why_it_does_not_learn")
    assert reports["no_activations"].codes[:2] == [
        "logits-as-probabilities",
        "linear-stack",
    ]
    assert reports["deep_sigmoids"].codes == ["vanishing-gradients"]
    assert "dead-units" in reports["too_fast"].codes
    assert reports["by_heart"].codes == ["overfitting"]
    assert max(history.history["val_accuracy"]) > 0.95


def test_trace_by_hand():
    found = run("trace_by_hand")
    assert found["checked"]
    assert found["solved"] < 1e-3
