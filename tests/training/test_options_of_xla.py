"""What training/compiling.py needs of JAX is there: its options and its configuration.

They are options of XLA, which no series of JAX promises. Where one is gone, or does
nothing any more, the test says which, before networks are silently slow.
"""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from onefit.training import compiling

ROOT = Path(__file__).parents[2]
SERIES = (
    "The series of jax in pyproject.toml is not to be widened before this is mended."
)

OPTIONS = {**compiling._ONE_KERNEL, **compiling._WHOLE, **compiling._BRIEF}


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_jax_takes_an_option(name):
    program = jax.jit(lambda x: x + 1).lower(jnp.ones(3))
    try:
        program.compile(compiler_options={name: OPTIONS[name]})
    except Exception as error:
        pytest.fail(f"jax {jax.__version__} has no {name}: {error}. {SERIES}")


def test_an_option_that_is_not_there_is_refused():
    # Else the tests above could not fail.
    program = jax.jit(lambda x: x + 1).lower(jnp.ones(3))
    with pytest.raises(Exception, match="xla_no_such_option"):
        program.compile(compiler_options={"xla_no_such_option": True})


def test_jax_has_the_configuration():
    for name in (
        "jax_compilation_cache_dir",
        "jax_persistent_cache_min_compile_time_secs",
    ):
        assert name in jax.config.values, f"jax {jax.__version__} has no {name}"


LOOP = """
import jax, jax.numpy as jnp
def loop(x):
    return jax.lax.fori_loop(0, 1000, lambda i, x: jnp.tanh(x @ x) * 0.5, x)
program = jax.jit(loop).lower(jnp.ones((16, 16)))
print(program.compile(compiler_options=OPTIONS).as_text())
""".replace("OPTIONS", repr(dict(compiling._ONE_KERNEL)))


@pytest.mark.skipif(jax.default_backend() != "cpu", reason="an option of the CPU's XLA")
def test_the_limit_still_makes_one_function_of_a_small_loop():
    # 1,028 bytes pass through the loop: over XLA's own limit of 1,024.
    def calls(flags: str) -> int:
        environment = os.environ | {"XLA_FLAGS": flags}
        command = [sys.executable, "-c", LOOP]
        run = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True
        )
        assert "while(" in run.stdout
        return run.stdout.count("xla_cpu_small_call")

    assert calls("") == 0
    lifted = calls(f"--xla_backend_extra_options={compiling._LIMIT}=1000000000")
    assert lifted, f"{compiling._LIMIT} does nothing in jax {jax.__version__}. {SERIES}"


def test_the_series_that_is_installed_is_one_that_was_measured():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (jax_line,) = [d for d in project["dependencies"] if re.match(r"jax\b", d)]
    least, below = re.findall(r"[<>]=?([\d.]+)", jax_line)
    have = tuple(map(int, jax.__version__.split(".")[:2]))
    assert tuple(map(int, least.split("."))) <= have < tuple(map(int, below.split(".")))
