"""Mutates real files: each loads, or is refused in words, quickly and in little memory.

    python tests/files/files_fuzz.py --count 10000 [--seed 0] [--only 1234]

takes the real files (of onefit, in all forms that it reads), edits them as bytes, as
zips, as JSON and as HDF5, and loads each in a process of its own that is watched.
`test_files_fuzz.py` does a few hundred of them.
"""

import argparse
import contextlib
import copy
import io
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from pathlib import Path

import h5py
import numpy as np

# Seconds of processor time: far above what any file takes on a slow machine, and far
# below what a file takes that asks for more than it has.
SECONDS, MEGABYTES = 5.0, 200

WORDS = [
    "Dense",
    "Lambda",
    "InputLayer",
    "Sequential",
    "Functional",
    "LSTM",
    "Conv2D",
    "TimeDistributed",
    "Bidirectional",
    "Add",
    "Concatenate",
    "BatchNormalization",
    "Adam",
    "SGD",
    "MeanSquaredError",
    "AUC",
    "MeanIoU",
    "Orthogonal",
    "Identity",
    "function",
    "__lambda__",
    "__numpy__",
    "__tensor__",
    "__keras_tensor__",
    "DTypePolicy",
    "relu",
    "os",
    "system",
    "keras.layers",
    "keras",
    "builtins",
    "",
    "float16",
    "float64",
    "bfloat16",
    "\x00",
    "../../x",
    "a/b",
    "é" * 20,
    "x" * 100_000,
]
NUMBERS = [
    0,
    1,
    -1,
    2,
    3,
    7,
    1 << 16,
    10**6,
    10**9,
    10**12,
    10**30,
    -(10**9),
    0.5,
    -0.5,
    1e300,
    float("nan"),
    float("inf"),
    -float("inf"),
    True,
    False,
    None,
    [],
    {},
    [0],
    [None],
    [None, 10**9],
    [[1]],
    [1, 2, 3],
    "x",
    {"class_name": "Dense"},
]


# Real files ---------------------------------------------------------------------------


def models():
    """Two small models with most kinds of things in their files."""
    import onefit
    from onefit import Input, Model, Sequential, layers

    onefit.config.set_random_seed(0)
    inner = Sequential([layers.Dense(3), layers.PReLU()], name="inner")
    chain = Sequential(
        [
            Input((4,)),
            layers.Dense(5, "relu", kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.1),
            inner,
            layers.Dense(1, "sigmoid", name="out"),
        ]
    )
    chain.compile("adam", "binary_crossentropy", metrics=["accuracy", "auc"])
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8, 4))
    y = (x[:, :1] > 0).astype("f4")
    chain.fit(x, y, epochs=1, verbose=0)

    words, image = Input((6,), dtype="int32"), Input((4, 4, 2))
    a = layers.Embedding(9, 4, mask_zero=True)(words)
    a = layers.MultiHeadAttention(2, 2)(a, a)
    a = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(a)
    a = layers.TimeDistributed(Sequential([layers.Dense(3)]))(a)
    a = layers.RNN([layers.GRUCell(2), layers.LSTMCell(2)])(a)
    b = layers.Conv2D(2, 2, activation=layers.LeakyReLU())(image)
    b = layers.SeparableConv2D(2, 2)(layers.GroupNormalization(2)(b))
    b = layers.Flatten()(layers.MaxPooling2D()(b))
    b = 2.0 * b[:, :2] + 1
    shared = layers.Dense(2, kernel_initializer="orthogonal")
    both = [shared(a), shared(b), layers.Normalization()(a)]
    y = layers.Concatenate()([layers.Average()(both), abs(both[0])])
    graph = Model({"words": words, "image": image}, layers.Dense(1)(y))
    schedule = onefit.optimizers.schedules.ExponentialDecay(0.1, 3, 0.5)
    graph.compile(onefit.optimizers.SGD(schedule, momentum=0.5), "mse", ["mae"])
    return {"chain": chain, "graph": graph}


def sources(folder):
    """The real files' bytes, by a name with the ending."""
    found = {}
    for name, model in models().items():
        for ending in (".keras", ".weights.h5", ".safetensors"):
            path = folder / (name + ending)
            (model.save if ending == ".keras" else model.save_weights)(path)
            found[name + ending] = path.read_bytes()
        found[f"{name}.json"] = model.to_json().encode()
        pairs = members(found[f"{name}.keras"])
        found[f"{name}_small.keras"] = zipped(pairs, zipfile.ZIP_DEFLATED)
        # HDF5 of another kind: new groups, pieces, packed.
        pairs["model.weights.h5"] = repacked(pairs["model.weights.h5"])
        found[f"{name}_new.keras"] = zipped(pairs)
    return found


def members(data):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return {name: file.read(name) for name in file.namelist()}


def zipped(pairs, compression=zipfile.ZIP_STORED):
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w", compression) as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that come twice
        for name, data in pairs.items() if isinstance(pairs, dict) else pairs:
            file.writestr(name, data)
    return whole.getvalue()


def repacked(data):
    whole = io.BytesIO()
    with (
        h5py.File(io.BytesIO(data)) as old,
        h5py.File(whole, "w", libver="latest") as new,
    ):

        def visit(name, found):
            if isinstance(found, h5py.Group):
                new.create_group(name).attrs.update(found.attrs)
            elif found.shape:
                new.create_dataset(name, data=found[()], chunks=True, compression=4)
            else:
                new.create_dataset(name, data=found[()])

        old.visititems(visit)
    return whole.getvalue()


# Mutations ----------------------------------------------------------------------------


def as_bytes(rng, data):
    """A few bytes changed, cut, moved, doubled or set to what sizes look like."""
    found = bytearray(data)
    for _ in range(rng.integers(1, 4)):
        size = max(len(found), 1)
        at, other = (int(v) for v in rng.integers(0, size, 2))
        length = int(rng.choice([1, 4, 8, 64, 1000]))
        match rng.integers(0, 8):
            case 0:
                for i in rng.integers(0, size, 8):
                    found[i : i + 1] = bytes([rng.integers(0, 256)])
            case 1:
                del found[at:]
            case 2:
                found[at : at + length] = found[other : other + length]
            case 3:
                del found[at : at + length]
            case 4:
                found[at:at] = found[other : other + length]
            case 5:
                found[at : at + length] = bytes(length)
            case 6:
                found[at : at + 1] = bytes(
                    [found[at] ^ (1 << rng.integers(0, 8))] if at < len(found) else []
                )
            case 7:
                value = int(rng.choice([0, 1, 2**16, 2**31 - 1, 2**32 - 1, 2**40]))
                width = int(rng.choice([2, 4, 8]))
                value %= 256**width
                found[at : at + width] = value.to_bytes(width, "little")
    return bytes(found)


def as_zip(rng, data):
    """Members renamed, doubled, left out, swapped; fields of headers changed."""
    pairs = list(members(data).items())
    i, j = (int(v) for v in rng.integers(0, len(pairs), 2))
    match rng.integers(0, 7):
        case 0:
            name = str(
                rng.choice(["../x", "/etc/x", "a\\b", "config.json/", "x" * 999])
            )
            pairs[i] = (name, pairs[i][1])
        case 1:
            pairs.append((pairs[i][0], pairs[j][1]))
        case 2:
            del pairs[i]
        case 3:
            pairs[i] = (pairs[i][0], pairs[j][1])
        case 4:
            methods = [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA, zipfile.ZIP_DEFLATED]
            return zipped(pairs, methods[rng.integers(0, 3)])
        case 5:
            pairs += [(f"{k}", b"") for k in range(int(rng.choice([1, 100, 3000])))]
        case 6:
            # The fields of the lists of members: sizes, places, methods, flags.
            found = bytearray(zipped(pairs))
            marks = (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06")
            at = found.rindex(marks[rng.integers(0, 3)])
            at += int(rng.integers(4, 46 if found[at + 2] == 1 else 22))
            value = int(rng.choice([0, 1, 8, 2**16 - 1, 2**31, 2**32 - 1]))
            width = int(rng.choice([2, 4]))
            found[at : at + width] = (value % 256**width).to_bytes(width, "little")
            return bytes(found)
    return zipped(pairs)


def places(node, found=None):
    """Every (container, key) of a JSON value."""
    found = [] if found is None else found
    keys = node if isinstance(node, dict) else range(len(node))
    for key in keys:
        found.append((node, key))
        if isinstance(node[key], dict | list):
            places(node[key], found)
    return found


def as_json(rng, data):  # noqa: PLR0912
    """Values of other types and sizes, keys lost, doubled or new, layers in layers."""
    node = json.loads(data)
    for _ in range(rng.integers(1, 4)):
        known = places(node)
        if not known:
            break
        home, key = known[rng.integers(0, len(known))]
        other, place = known[rng.integers(0, len(known))]
        match rng.integers(0, 9):
            case 0 | 1:
                home[key] = copy.deepcopy(NUMBERS[rng.integers(0, len(NUMBERS))])
            case 2:
                home[key] = WORDS[rng.integers(0, len(WORDS))]
            case 3:
                home[key] = copy.deepcopy(other[place])
            case 4:
                del home[key]
            case 5 if isinstance(home, dict):
                name = str(rng.choice([str(place), *WORDS[:-1]]))
                home[name] = copy.deepcopy(other[place])
            case 6 if isinstance(home, list):
                text = json.dumps(home)
                count = int(rng.choice([2, 20])) if len(text) < 20_000 else 0
                home += [one for _ in range(count) for one in json.loads(text)]
            case 7:  # numbers where numbers are
                numbers = [
                    (h, k)
                    for h, k in known
                    if isinstance(h[k], int | float) and not isinstance(h[k], bool)
                ]
                h, k = numbers[rng.integers(0, len(numbers))] if numbers else known[0]
                h[k] = copy.deepcopy(NUMBERS[rng.integers(0, 18)])
            case 8:  # something inside itself
                text = json.dumps(home[key])
                for _ in range(int(rng.choice([1, 3, 60]))):
                    name, twice = str(rng.choice(WORDS[:24])), rng.integers(0, 2)
                    if len(text) > 50_000:
                        break
                    if twice:
                        text = f'{{"layer": {text}, "layers": [{text}]}}'
                    text = (
                        f'{{"class_name": "{name}", "module": "keras.layers", '
                        f'"config": {text}}}'
                    )
                home[key] = json.loads(text)
    text = json.dumps(node)
    if rng.integers(0, 20) == 0:  # a key twice
        text = text.replace('"config":', '"config": {}, "config":', 1)
    return text.encode()


def as_hdf5(rng, data):
    """Shapes, types, links, attributes and storage of other kinds."""
    whole = io.BytesIO(data)
    with h5py.File(whole, "r+") as file:
        names: list[str] = []
        file.visit(names.append)
        for _ in range(rng.integers(1, 3)):
            name, other = (names[i] for i in rng.integers(0, len(names), 2))
            # An edit may be of what an edit before it has made.
            errors = (ValueError, TypeError, OSError, KeyError, RuntimeError)
            with contextlib.suppress(*errors):
                if isinstance(file.get(name, getlink=True), h5py.HardLink):
                    shape = getattr(file[name], "shape", None) or ()
                    shape = tuple(min(size, 9) for size in shape[:2])
                    _edit(rng, file, name, other, np.ones(shape, "f4"))
    return whole.getvalue()


def _edit(rng, file, name, other, value):  # noqa: PLR0912
    case = rng.integers(0, 16)
    if case < 13:
        del file[name]
    match case:
        case 0:
            return
        case 1:
            file.create_dataset(name, (1 << 20, 1 << 10), "f4", chunks=(1, 1 << 10))
        case 2:
            shape = tuple(int(n) for n in rng.choice([0, 1, 2, 5, 1 << 40], 2))
            file.create_dataset(name, shape, "f4", chunks=(1, 1))
        case 3:
            kinds = ["f2", "f8", "i1", "u8", "c8", "?", "S3", "V4", ">f4"]
            file.create_dataset(name, data=np.zeros(value.shape, rng.choice(kinds)))
        case 4:
            file[name] = h5py.SoftLink(f"/{other}")
        case 5:
            file[name] = h5py.ExternalLink("/etc/passwd", "/")
        case 6:
            file[name] = file[other.rpartition("/")[0] or "/"]  # perhaps a circle
        case 7:
            file.create_group(name)
        case 8:
            file.create_dataset(
                name, value.shape or (1,), "f4", external=[("/etc/passwd", 0, 9999)]
            )
        case 9:
            layout = h5py.VirtualLayout(value.shape or (1,), "f4")
            layout[...] = h5py.VirtualSource(".", name, value.shape or (1,))
            file.create_virtual_dataset(name, layout)
        case 10:
            file.create_dataset(name, data="x" * 1000)
        case 11:
            file[name] = np.dtype("f4")
        case 12:
            shape = (1 << 22,) if rng.integers(0, 2) else value.shape or (1,)
            file.create_dataset(name, shape, "f4", compression="gzip", chunks=True)
            file[name][...] = 0
        case 13:
            file[name].attrs["name"] = np.zeros(16_000)
        case 14:
            file[name].attrs["name"] = ["x" * 10_000] * 9
        case 15:
            for i in range(500):
                file.create_dataset(f"{name}_{i}", data=1.0)


def as_header(rng, data):
    """The JSON in front of a safetensors file, edited."""
    size = int.from_bytes(data[:8], "little")
    text = as_json(rng, data[8 : 8 + size])
    told = len(text) if rng.integers(0, 4) else int(rng.choice([0, 2**31, 2**62]))
    return told.to_bytes(8, "little") + text + data[8 + size :]


def mutation(rng, found):
    """A case: (what was done to which file, its name, its bytes)."""
    name = sorted(found)[rng.integers(0, len(found))]
    data, ending = found[name], name[name.index(".") :]
    ways = {
        ".keras": [as_bytes, as_zip, as_json, as_json, as_hdf5, "bytes in"],
        ".weights.h5": [as_bytes, as_bytes, as_hdf5],
        ".safetensors": [as_bytes, as_header],
        ".json": [as_bytes, as_json, as_json],
    }[ending]
    way = ways[rng.integers(0, len(ways))]
    inside = way in (as_json, as_hdf5, "bytes in") and ending == ".keras"
    if not inside:
        return f"{way.__name__} of {name}", name, way(rng, data)  # pyright: ignore[reportAttributeAccessIssue]
    pairs = members(data)
    member = "config.json" if way is as_json else "model.weights.h5"
    if way == "bytes in":
        way = as_bytes
        member = member if rng.integers(0, 4) else "config.json"
    pairs[member] = way(rng, pairs[member])
    return f"{way.__name__} of {member} of {name}", name, zipped(pairs)


# Trying -------------------------------------------------------------------------------


def memory(name):
    with open("/proc/self/status") as file:
        line = next(line for line in file if line.startswith(name))
    return int(line.split()[1]) / 1024


def tried(name, data, folder, targets):
    """(What came of a file, what is wrong with that or None, seconds, megabytes)."""
    import onefit
    from onefit.files.refusal import BadFile

    ending = name[name.index(".") :]
    path = folder / f"case{ending}"
    path.write_bytes(data)
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, begin = memory("VmRSS"), time.process_time()
    outcome, complaint = "loaded", None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", onefit.OnefitWarning)
            if ending == ".keras":
                onefit.load_model(path)
            elif ending == ".json":
                text = data.decode("utf-8", "surrogateescape")
                limits = onefit.interop.Limits(size=1 << 24)
                onefit.models.model_from_json(text, limits=limits)
            else:
                targets[name.partition(".")[0]].load_weights(path)
    except BadFile as error:
        outcome = "refused"
        if len(str(error)) > 3000:
            complaint = f"an error of {len(str(error))} letters"
    except BaseException as error:
        complaint = f"{type(error).__name__}: {str(error)[:300]}"
        if isinstance(error, KeyboardInterrupt):
            raise
    seconds, grown = time.process_time() - begin, memory("VmHWM") - before
    if complaint is None and (seconds > SECONDS or grown > MEGABYTES):
        complaint = f"{outcome} in {seconds:.1f} s and {grown:.0f} MB"
    return outcome, complaint, seconds, grown


def work(seed, first, last, keep=None):
    """Tries the cases from first to last, and writes a line for each."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        found, targets = sources(folder), models()
        for name, data in found.items():  # also what is done but once
            outcome = tried(name, data, folder, targets)
            if outcome[0] != "loaded":
                raise RuntimeError(f"{name}: {outcome}")
        for case in range(first, last):
            print(json.dumps({"begin": case}), flush=True)
            rng = np.random.default_rng([seed, case])
            what, name, data = mutation(rng, found)
            outcome, complaint, seconds, grown = tried(name, data, folder, targets)
            if keep and complaint:
                (Path(keep) / f"{case}_{name}").write_bytes(data)
            told = {"case": case, "what": what, "outcome": outcome}
            told |= {"complaint": complaint, "seconds": seconds, "grown": grown}
            print(json.dumps(told), flush=True)


def run(seed, first, last, keep=None, patience=60.0):
    """The outcome of each case; behind one that dies or hangs, it is begun anew."""
    import threading

    outcomes = []
    while first < last:
        command = [sys.executable, __file__, "--work", str(seed), str(first), str(last)]
        command += ["--keep", keep] if keep else []
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=os.environ
        ) as process:
            begun, watch = None, threading.Timer(patience, process.kill)
            watch.start()
            for line in process.stdout:
                told = json.loads(line)
                if "begin" in told:
                    begun = told["begin"]
                    watch.cancel()
                    watch = threading.Timer(patience, process.kill)
                    watch.start()
                else:
                    outcomes.append(told)
            watch.cancel()
        done = outcomes[-1]["case"] + 1 if outcomes else first
        if process.returncode == 0 and done >= last:
            break
        if begun is None or begun < done:
            raise RuntimeError(f"the process ended by itself: {process.returncode}")
        told = f"the process died: {process.returncode}"
        outcomes.append(
            {
                "case": begun,
                "what": "?",
                "outcome": "died",
                "complaint": told,
                "seconds": 0,
                "grown": 0,
            }
        )
        first = begun + 1
    return outcomes


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, help="one case")
    parser.add_argument("--keep", help="a folder for the files that are complained of")
    parser.add_argument("--work", nargs=3, type=int, help=argparse.SUPPRESS)
    told = parser.parse_args()
    if told.work:
        work(*told.work, told.keep)
        return 0
    first = told.only if told.only is not None else 0
    last = first + 1 if told.only is not None else told.count
    if told.keep:
        Path(told.keep).mkdir(parents=True, exist_ok=True)
    begin = time.perf_counter()
    outcomes = run(told.seed, first, last, told.keep)
    bad = [one for one in outcomes if one["complaint"]]
    for one in bad:
        print(f"{one['case']}: {one['what']}: {one['complaint']}")
    loaded = sum(one["outcome"] == "loaded" for one in outcomes)
    print(
        f"{len(outcomes)} files in {time.perf_counter() - begin:.0f} s: {loaded} "
        f"loaded, {len(outcomes) - loaded - len(bad)} refused, {len(bad)} bad; at most "
        f"{max(one['seconds'] for one in outcomes):.2f} s and "
        f"{max(one['grown'] for one in outcomes):.0f} MB"
    )
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
