"""A program runs as Python itself runs it: argv, errors, exit codes, children."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from onefit.scripts.main import main

FIT = """
import numpy as np
from tensorflow import keras
model = keras.Sequential([keras.layers.Dense(1)])
model.compile("sgd", "mse")
model.fit(np.ones((4, 2)), np.ones(4), epochs=2, verbose=0)
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def write(text, name="script.py", encoding="utf-8"):
        (tmp_path / name).write_bytes(text.encode(encoding))
        return name

    return write


def test_what_python_sets_is_set(script, capsys):
    name = script(
        "import sys, tensorflow\n"
        "print(sys.argv, __name__, __file__, __spec__, sys.path[0])\n"
        "print(sys.modules['__main__'].__dict__ is globals())\n"
    )
    before = list(sys.path), sys.argv, sys.modules["__main__"]
    assert main([name, "a", "--epochs", "3"]) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert first == (
        f"['script.py', 'a', '--epochs', '3'] __main__ script.py None {os.getcwd()}"
    )
    assert second == "True"
    assert (list(sys.path), sys.argv, sys.modules["__main__"]) == before


def test_nothing_is_left_behind(script):
    import builtins

    import jax.numpy as jnp

    before = builtins.__import__
    text = "import tensorflow as tf; assert tf.ones(1).numpy()[0] == 1"
    assert main([script(text)]) == 0
    assert builtins.__import__ is before
    assert not hasattr(jnp.ones(1), "numpy")
    assert "tensorflow" not in sys.modules


def test_exit_codes_are_the_programs(script):
    with pytest.raises(SystemExit) as ended:
        main([script("import tensorflow, sys; sys.exit(7)")])
    assert ended.value.code == 7
    assert main([script("import keras; 1 / 0")]) == 1
    assert main([script("import keras; keras.layers.Dence(1)")]) == 3
    assert main(["nothing.py"]) == 2


def test_a_traceback_has_the_programs_frames_alone(script, capsys):
    name = script(
        "import numpy as np\nfrom tensorflow import keras\n\n\n"
        "def build():\n    return keras.layers.Dense(-3)\n\n\nbuild()\n"
    )
    assert main([name]) == 1
    lines = capsys.readouterr().err.splitlines()
    files = [line.split('"')[1] for line in lines if line.startswith("  File")]
    assert files == ["script.py", "script.py"]
    assert "    return keras.layers.Dense(-3)" in lines
    assert lines[-1].startswith("ValueError: Dense: received units=-3")
    assert main(["--debug", name]) == 1
    assert "description.py" in capsys.readouterr().err


def test_an_error_in_a_function_that_a_library_calls_shows_both(script, capsys):
    name = script(
        "import keras\n\n\nclass Bad(keras.callbacks.Callback):\n"
        "    def on_epoch_end(self, epoch, logs=None):\n"
        "        raise RuntimeError('mine')\n\n\n"
        + FIT.replace("verbose=0", "verbose=0, callbacks=[Bad()]")
    )
    assert main([name]) == 1
    err = capsys.readouterr().err
    assert "model.fit(" in err
    assert "raise RuntimeError" in err


@pytest.mark.parametrize("kind", ["module", "package", "text"])
def test_modules_packages_and_texts(kind, script, capsys):
    script("import sys, keras\nprint(__name__, __package__, sys.argv[1:])", "tool.py")
    Path("pack").mkdir()
    script("", "pack/__init__.py")
    text = "import keras\nfrom pack import part\nprint(__package__)"
    script(text, "pack/__main__.py")
    script("import tensorflow as tf\nprint(tf.__name__)", "pack/part.py")
    options = {
        "module": ["-m", "tool", "-v"],
        "package": ["-m", "pack"],
        "text": ["-c", "import sys, keras; print(sys.argv)", "x"],
    }[kind]
    assert main(options) == 0
    out = capsys.readouterr().out
    wanted = {
        "module": "__main__  ['-v']\n",
        "package": "tensorflow\npack\n",
        "text": "['-c', 'x']\n",
    }
    assert out == wanted[kind]


def test_as_a_process_with_children_that_start_anew(script):
    name = script(
        "import multiprocessing as mp\nimport tensorflow as tf\n\n\n"
        "def double(x):\n    return float(tf.constant(x) * 2)\n\n\n"
        "if __name__ == '__main__':\n"
        "    with mp.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.map(double, [1.0, 2.0]))\n"
        "    raise SystemExit(5)\n"
    )
    run = subprocess.run(
        [sys.executable, "-m", "onefit.scripts", name],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert (run.returncode, run.stdout) == (5, "[2.0, 4.0]\n"), run.stderr


# What cannot run ----------------------------------------------------------------------


def test_a_script_that_is_no_python(script, capsys):
    assert main([script("import keras\nprint 3\n")]) == 1
    err = capsys.readouterr().err
    assert 'File "script.py", line 2' in err
    assert "SyntaxError" in err


def test_a_script_of_another_encoding(script, capsys):
    assert main([script("import keras  # größer\n", encoding="latin-1")]) == 1
    assert "is not UTF-8" in capsys.readouterr().err
    text = "# -*- coding: latin-1 -*-\nimport keras\nprint('größer')\n"
    assert main([script(text, encoding="latin-1")]) == 0
    assert capsys.readouterr().out == "größer\n"


def test_a_module_of_the_users_with_that_name(script, capsys):
    script("x = 1", "keras.py")
    assert main([script("import keras")]) == 3
    err = capsys.readouterr().err
    assert "has the name of the package 'keras'" in err
    assert "my_keras.py" in err


def test_a_tensorflow_that_is_installed_is_left_aside(script, capsys, monkeypatch):
    folder = Path("installed") / "tensorflow"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('the real one')")
    monkeypatch.syspath_prepend(str(folder.parent.resolve()))
    assert main([script("import tensorflow as tf\nprint(tf.constant(1).numpy())")]) == 0
    said = capsys.readouterr()
    assert said.out == "1\n"
    assert "TensorFlow is installed" in said.err


def test_packages_get_what_is_installed(script, capsys, monkeypatch):
    folder = Path("site-packages")
    folder.mkdir()
    text = "try:\n    import tensorflow\nexcept ImportError:\n    tensorflow = None\n"
    (folder / "prober.py").write_text(text)
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder.resolve())])
    assert main([script("import tensorflow, prober\nprint(prober.tensorflow)")]) == 0
    assert capsys.readouterr().out == "None\n"


def test_install_refuses_what_is_imported_already(monkeypatch):
    from onefit import scripts

    monkeypatch.setitem(sys.modules, "tensorflow", sys)
    with pytest.raises(ImportError, match=r"imported already.*Restart the kernel"):
        scripts.install()


def test_install_and_uninstall():
    text = (
        "import onefit.scripts; onefit.scripts.install(); import tensorflow as tf;"
        "from keras.layers import Dense; import importlib;"
        "assert importlib.import_module('tensorflow.nn').relu(tf.constant(-1.0)) == 0;"
        "onefit.scripts.install(); onefit.scripts.uninstall(); import sys;"
        "print(Dense.__module__, 'tensorflow' in sys.modules)"
    )
    out = subprocess.run(
        [sys.executable, "-c", text], capture_output=True, text=True, check=True
    ).stdout
    assert out == "onefit.layers.dense False\n"


# Options ------------------------------------------------------------------------------


def test_the_report_of_a_run(script, capsys):
    text = FIT.replace('"sgd"', "keras.optimizers.SGD(lr=0.1)")
    text += "import tensorflow as tf\nwith tf.device('/GPU:0'):\n    pass\n"
    assert main(["-v", script(text)]) == 0
    err = capsys.readouterr().err
    assert "fit of sequential: 2 epochs" in err
    assert "Python 1 times in the loop" in err
    assert "lr= is read as learning_rate=" in err
    assert "did nothing: tf.device (1)" in err


@pytest.mark.filterwarnings("ignore")
def test_quick_cuts_fits(script, capsys):
    text = FIT.replace("(4, 2)", "(4000, 2)").replace("ones(4)", "ones(4000)")
    text = text.replace("epochs=2", "epochs=50, batch_size=4")
    text += "print(len(model.history.epoch), model.optimizer.iterations)\n"
    assert main(["--quick", script(text)]) == 0
    out = capsys.readouterr().out
    assert out.startswith("2 ")
    assert "value=40" in out


def test_force_goes_on_to_what_is_missing(script, capsys):
    name = script("import tensorflow as tf\nprint('begun')\ntf.Session()\n")
    assert main([name]) == 3
    assert "begun" not in capsys.readouterr().out
    assert main(["--force", name]) == 1
    said = capsys.readouterr()
    assert "begun" in said.out
    assert "AttributeError: tf.Session is not in" in said.err


def test_a_table_of_a_folder(script, capsys):
    script(FIT, "good.py")
    script("import tensorflow as tf\ntf.Session()", "old.py")
    script("print 3", "no_python.py")
    assert main(["--check", "."]) == 3
    out = capsys.readouterr().out.splitlines()
    assert out[0].split() == ["good.py", "runs"]
    assert "no Python" in out[1]
    assert "tf.Session" in out[2]
    assert out[3] == "1 of 3 programs use only what is here"


# Notebooks ----------------------------------------------------------------------------


def notebook(*cells):
    made = [
        {"cell_type": "code", "source": cell, "metadata": {}, "outputs": []}
        for cell in cells
    ]
    text = {"cell_type": "markdown", "source": "# Title", "metadata": {}}
    whole = {"cells": [text, *made], "metadata": {}, "nbformat": 4}
    return json.dumps({**whole, "nbformat_minor": 5})


def test_a_notebook_runs_and_has_its_outputs(script, capsys):
    name = script(
        notebook(
            "%tensorflow_version 2.x\n!pip install -q tf\nimport tensorflow as tf",
            "%%time\nprint('shown')\ntf.constant([1, 2])",
            "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()",
            "%matplotlib inline\nx = 5\nx",
        ),
        "nb.ipynb",
    )
    assert main([name]) == 0
    done = json.loads(Path("nb.run.ipynb").read_text("utf-8"))
    cells = [cell for cell in done["cells"] if cell["cell_type"] == "code"]
    assert cells[0]["outputs"] == []
    stream, value = cells[1]["outputs"]
    assert stream["text"] == "shown\n"
    assert value["data"]["text/plain"].startswith("<tf.Tensor: shape=(2,), dtype=int32")
    assert "image/png" in cells[2]["outputs"][-1]["data"]
    assert cells[3]["outputs"][0]["data"]["text/plain"] == "5"
    assert "shown" in capsys.readouterr().out


def test_an_error_in_a_notebook_is_written_and_told(script, capsys):
    name = script(notebook("import keras", "1 / 0", "print('never')"), "nb.ipynb")
    assert main(["--output", "out.ipynb", name]) == 1
    done = json.loads(Path("out.ipynb").read_text("utf-8"))
    assert done["cells"][2]["outputs"][0]["ename"] == "ZeroDivisionError"
    assert done["cells"][3]["outputs"] == []
    assert "nb.ipynb, cell 2" in capsys.readouterr().err


def test_a_notebook_that_asks_the_shell(script, capsys):
    assert main([script(notebook("files = !ls"), "nb.ipynb")]) == 1
    assert "cell 1, line 1: `files = !ls` asks the shell" in capsys.readouterr().err
    assert main([script("{}", "nb.ipynb")]) == 1
    assert "no notebook" in capsys.readouterr().err
    text = notebook("import tensorflow as tf", "tf.Session()")
    assert main([script(text, "nb.ipynb")]) == 3
    assert "nb.ipynb, cell 2, line 1: tf.Session" in capsys.readouterr().err


def test_a_live_notebook(capsys):
    import ast
    import types

    from onefit import scripts

    shell = types.SimpleNamespace(ast_transformers=[])
    cells = scripts.Cells()
    first = ast.parse("from tensorflow import keras")
    second = ast.parse("a = keras.optimizers.Adam(lr=0.1)")
    assert cells.visit(first) is first
    cells.visit(second)
    assert ast.unparse(second) == "a = keras.optimizers.Adam(learning_rate=0.1)"
    assert "line 1: lr= is read as learning_rate=" in capsys.readouterr().err
    shell.ast_transformers.append(cells)
    scripts.unload_ipython_extension(shell)
    assert shell.ast_transformers == []


WRITES = """
import numpy as np
from tensorflow import keras
import tensorflow as tf
x = np.ones((4, 2), "float32")
model.fit(x, np.ones((4, 1)), verbose=0)
y = model.predict(x, verbose=0)
"""


@pytest.mark.parametrize(
    ("writes", "reads", "files"),
    [
        ("model.save('a.h5')", "keras.models.load_model('a.h5')", ["a.h5"]),
        ("model.save('a')", "tf.keras.models.load_model('a')", ["a"]),
        ("model.save('a.model')", "keras.models.load_model('a.model')", ["a.model"]),
        ("keras.saving.save_model(model, 'b')", "keras.saving.load_model('b')", ["b"]),
        ("model.save_weights('w.h5')", "model.load_weights('w.h5')", ["w.h5"]),
        (
            "model.save_weights('a/cp.ckpt')",
            "model.load_weights(tf.train.latest_checkpoint('a'))",
            ["a"],
        ),
        (
            "model.fit(x, y, verbose=0, callbacks=[keras.callbacks.ModelCheckpoint("
            "'cp-{epoch:02d}', save_weights_only=True)])",
            "model.load_weights('cp-01')",
            ["checkpoint", "cp-01.npz"],
        ),
        (
            "model.fit(x, y, verbose=0, callbacks=[keras.callbacks.ModelCheckpoint("
            "filepath='best', monitor='loss', save_best_only=True)])",
            "keras.models.load_model('best')",
            ["best"],
        ),
    ],
)
def test_files_have_the_names_that_a_script_gives(writes, reads, files, script, capsys):
    text = (
        FIT
        + WRITES
        + f"""
{writes}
y = model.predict(x, verbose=0)
again = {reads}
again = again if isinstance(again, keras.Model) else model
assert np.array_equal(again.predict(x, verbose=0), y)
"""
    )
    assert main([script(text)]) == 0, capsys.readouterr().err
    assert sorted(p.name for p in Path().iterdir() if p.suffix != ".py") == files


def test_checkpoints_bring_back_what_they_hold(script, capsys):
    text = (
        FIT
        + WRITES
        + """
step, optimizer = tf.Variable(1), keras.optimizers.Adam(0.1)
def train(model, optimizer):
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(x)) ** 2
    slopes = tape.gradient(loss, model.trainable_variables)
    optimizer.apply_gradients(zip(slopes, model.trainable_variables))
train(model, optimizer)
objects = dict(step=step, optimizer=optimizer, nest=[model, {"more": tf.Variable(2.0)}])
manager = tf.train.CheckpointManager(tf.train.Checkpoint(**objects), "c", max_to_keep=2)
assert manager.latest_checkpoint is None
for _ in range(3):
    step.assign_add(1)
    manager.save()
assert [p[-6:] for p in manager.checkpoints] == ["ckpt-2", "ckpt-3"]
train(model, optimizer)
y = model.predict(x, verbose=0)  # one step after the checkpoint

other = keras.models.clone_model(model)
fresh = keras.optimizers.Adam(0.1)
more = {"more": tf.Variable(0.0)}
again = dict(step=tf.Variable(0), optimizer=fresh, nest=[other, more])
tf.train.Checkpoint(**again).restore(manager.latest_checkpoint).assert_consumed()
assert int(again["step"]) == 4 and float(more["more"]) == 2.0
train(other, fresh)
assert np.allclose(other.predict(x, verbose=0), y)
"""
    )
    assert main([script(text)]) == 0, capsys.readouterr().err


def test_a_compiled_function_gives_what_a_variable_has_become(script, capsys):
    text = """
import tensorflow as tf
counter = tf.Variable(0)
@tf.function
def count(counter, by=1):
    return counter.assign_add(by)
found = [count(counter) for _ in range(3)]
print([int(n) for n in found], tf.function(lambda x: x**3)(2))
"""
    assert main([script(text)]) == 0, capsys.readouterr().err
    assert capsys.readouterr().out == "[1, 2, 3] tf.Tensor(8, shape=(), dtype=int32)\n"
