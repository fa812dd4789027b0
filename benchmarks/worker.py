"""One contestant in a process of its own: it answers how long n units of work took.

Started by the harness with one JSON argument. It says one JSON line when it is ready,
and one for each request `{"n": ..., "check": ...}` that it reads from stdin. With
"script" in the argument it trains once and ends: the harness times the whole process.
"""

import importlib
import json
import os
import resource
import sys
import time
import warnings
from pathlib import Path

import numpy as np

from benchmarks import nets, works
from benchmarks.peers import PEERS

NAMES = ("onefit", "jax", "torch", "keras", "tensorflow", "sklearn")


def prepare(spec, work, arrays):
    """The contestant, and what it cost to import and to build."""
    peer = PEERS[spec["peer"]]
    start = time.perf_counter()
    module = importlib.import_module(f"benchmarks.peers.{peer.module}")
    imported = time.perf_counter()
    contestant = module.Contestant(
        work, *arrays, extras=spec.get("extras", False), **peer.options
    )
    built = time.perf_counter()
    loaded = {name: getattr(sys.modules.get(name), "__version__", "") for name in NAMES}
    return contestant, {
        "import_s": imported - start,
        "build_s": built - imported,
        "versions": {name: version for name, version in loaded.items() if version},
    }


def run(work, contestant, n):
    """Does n units of work: epochs of training, or calls. Returns the last result."""
    if work.kind in ("train", "extras", "script"):
        return contestant.train(n)
    call = {
        "evaluate": contestant.evaluate,
        "predict": contestant.predict,
        "row": contestant.predict_row,
    }[work.kind]
    for _ in range(n):
        result = call()
    return result


def check(work, contestant, result, x, y):
    """The loss of the contestant's weights, by numpy; its answers must agree."""
    z = nets.logits(work, contestant.weights(), x)
    loss = works.loss(z, y)
    if work.kind == "evaluate" and abs(result - loss) > 1e-3 * loss:
        raise ValueError(f"evaluate gave {result}, the weights give {loss}")
    if work.kind in ("predict", "row"):
        same = result.argmax(axis=1) == z[: len(result)].argmax(axis=1)
        if (
            len(result) != (len(x) if work.kind == "predict" else 1)
            or same.mean() < 0.999
        ):
            raise ValueError("predict gave other answers than the weights do")
    return loss


def peak_mb():
    """The most memory this process ever held; Linux counts in KiB, macOS in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def main(spec):
    work = works.WORKS[spec["work"]]
    warnings.simplefilter("ignore")  # scikit-learn's that it could train for longer
    arrays = works.load(Path(spec["file"]))
    if spec.get("script"):
        prepare(spec, work, arrays)[0].train(spec["script"])
        return
    with os.fdopen(spec["replies"], "w") as replies:

        def say(**reply):
            replies.write(json.dumps(reply) + "\n")
            replies.flush()

        try:
            contestant, costs = prepare(spec, work, arrays)
            say(**costs)
            for line in sys.stdin:
                request = json.loads(line)
                start = time.perf_counter()
                result = run(work, contestant, request["n"])
                reply = {"seconds": time.perf_counter() - start, "peak_mb": peak_mb()}
                if request["check"]:
                    x, y, _ = arrays
                    reply["loss"] = check(work, contestant, result, x, y)
                say(**reply)
        except ModuleNotFoundError as error:
            say(error=f"not installed ({error.name})")
        except Exception as error:  # one contestant's failure must not end the run
            say(error=f"{type(error).__name__}: {error}".splitlines()[0][:200])
            raise


if __name__ == "__main__":
    np.seterr(all="ignore")
    main(json.loads(sys.argv[1]))
