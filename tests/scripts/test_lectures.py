"""The lectures' code as printed, imports and all, with data added."""

import json
import subprocess
import sys

TRAIN = """
import tensorflow as tf
from tensorflow.keras import Sequential
from tensorflow.keras.layers import Dense

model = Sequential([
    Dense(units=25, activation='sigmoid'),
    Dense(units=15, activation='sigmoid'),
    Dense(units=1, activation='sigmoid'),
])
from tensorflow.keras.losses import BinaryCrossentropy

model.compile(loss=BinaryCrossentropy())

model.fit(X, Y, epochs=100)
"""

HEADS = """
import tensorflow as tf
from tensorflow.keras import Sequential
from tensorflow.keras.layers import Dense
model = Sequential([
    Dense (units = 25, activation='relu'),
    Dense (units = 15, activation='relu'),
    Dense(units = 1 , activation='sigmoid')])
model = Sequential([
    Dense (units = 25, activation='relu'),
    Dense (units = 15, activation='relu'),
    Dense(units = 1 , activation='linear')])
model = Sequential([
    Dense (units = 25, activation='relu'),
    Dense (units = 15, activation='relu'),
    Dense(units = 1 , activation='relu')])
"""

SOFTMAX = """
import tensorflow as tf
from tensorflow.keras import Sequential
from tensorflow.keras.layers import Dense
model = Sequential([
    Dense (units = 25, activation='relu'),
    Dense (units = 15, activation='relu'),
    Dense(units = 10, activation='softmax')])
from tensorflow.keras.losses import \\
        SparseCategoricalCrossentropy
model.compile(loss=SparseCategoricalCrossentropy())
model.fit(X, labels, epochs = 100)
"""

LOGITS = """
import tensorflow as tf
from tensorflow.keras import Sequential
from tensorflow.keras.layers import Dense
model = Sequential([
    Dense (units = 25, activation='relu'),
    Dense (units = 15, activation='relu'),
    Dense (units = 10, activation='linear')])
from tensorflow.keras.losses import \\
        SparseCategoricalCrossentropy
model.compile(
   loss=SparseCategoricalCrossentropy(from_logits=True))
model.fit(X, labels, epochs = 100)
logit = model(X)
f_x = tf.nn.softmax(logit)
assert abs(float(tf.reduce_sum(f_x[0])) - 1) < 1e-5
"""

XOR = """
import tensorflow as tf
from tensorflow.keras.models import Sequential
from tensorflow.keras.layers import Dense

trainX = tf.constant([[0., 0.],
                      [0., 1.],
                      [1., 0.],
                      [1., 1.]])
trainY = tf.constant([[0.],
                      [1.],
                      [1.],
                      [0.]])
tf.random.set_seed(678)
model = Sequential()
model.add(Dense({units}, input_dim=2, activation='sigmoid'))
{second}model.add(Dense(1, activation='sigmoid'))
model.compile(loss='binary_crossentropy', optimizer='sgd', metrics=['accuracy'])
model.fit(trainX, trainY, epochs=50000, batch_size=4, verbose=0)
print(model.evaluate(trainX, trainY)[1])
print(model.predict(trainX, batch_size=4))
"""

COFFEE = """
import numpy as np
import tensorflow as tf
from tensorflow.keras import Sequential
from tensorflow.keras.layers import Dense
model = Sequential(
    [
        tf.keras.Input(shape=(2,)),
        Dense(3, activation='sigmoid', name = 'layer1'),
        Dense(1, activation='sigmoid', name = 'layer2')
    ]
)
predictions = model.predict(X)
yhat = np.zeros_like(predictions)
for i in range(len(predictions)):
    if predictions[i] >= 0.5:
        yhat[i] = 1
    else:
        yhat[i] = 0
"""

SUMMARY = """
from keras.models import Sequential
from keras.layers import Dense
from keras.utils import plot_model

model = Sequential()
model.add(Dense(9, input_shape=(6,)))
model.add(Dense(4))
model.summary()
model = Sequential()

model.add(Dense(9, input_shape=(8,)))

model.add(Dense(9, activation='relu'))

model.add(Dense(9, activation='relu'))

model.add(Dense(4, activation='softmax'))
"""

CODE = {
    "000 train": TRAIN,
    "001 heads": HEADS,
    "001 softmax": SOFTMAX,
    "001 logits": LOGITS,
    "002 one neuron": XOR.format(units=1, second="#"),
    "002 two neurons": XOR.format(units=2, second=""),
    "003 coffee": COFFEE,
    "004 summary": SUMMARY,
}


ALONE = """
import importlib.metadata, json, re, sys

wanted, rest = set(), ["onefit"]
while rest:
    name = re.sub(r"[-_.]+", "_", rest.pop()).lower()
    if name not in wanted:
        wanted.add(name)
        lines = importlib.metadata.requires(name) or []
        rest += [re.match(r"[\\w.-]+", r)[0] for r in lines if ";" not in r]
owners = importlib.metadata.packages_distributions()
there = {
    module
    for module, names in owners.items()
    if wanted & {re.sub(r"[-_.]+", "_", name).lower() for name in names}
}

class Nothing:
    def find_spec(self, name, path=None, target=None):
        root = name.partition(".")[0]
        if root in owners and root not in there:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Nothing())
sys.modules.pop("h5py", None)
import numpy as np
from onefit.scripts.checking import check_text
from onefit.scripts.running import Program, run

rows = np.random.default_rng(0).normal(size=(40, 2)).astype("float32")
given = {"rows": rows, "y": (rows[:, :1] > 0) * 1.0, "k": np.arange(40) % 10}
for name, text in json.load(sys.stdin).items():
    checked = check_text("X, Y, labels = rows, y, k\\n" + text)
    code = run(Program("<string>", checked, ["-c"], ""), names=given)
    print("CODE", name, code, checked.problems)
print("ABSENT", *sorted({"sklearn", "pandas", "h5py", "keras"} & set(sys.modules)))
"""


def test_the_lectures_run_where_nothing_but_onefit_is_installed():
    """A process that finds onefit, what it requires, and no other package."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ALONE],
        input=json.dumps(CODE),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if line.startswith("CODE")]
    assert said == [f"CODE {name} 0 []" for name in CODE], done.stderr
    assert done.stdout.endswith("ABSENT\n")
