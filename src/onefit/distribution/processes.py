"""Processes that train one network together: how they meet, agree and miss one another.

JAX's coordination service, which process 0 has, starts them and keeps a table that all
can write to. There each gives a sign of life, with how many programs it has called. One
that gives none, or does not come to a program in which the others wait, is named by all
others, and all end: what `BackupAndRestore` has written is what they go on from.
"""

import functools
import os
import socket
import sys
import threading
import time
from typing import Any  # JAX's client has no types

import jax
import numpy as np
from jax.experimental import multihost_utils

from onefit import programs
from onefit.errors import invalid

__all__ = ["agreed", "ended", "initialize"]

ENDED = 75
"""The exit status of a process that misses another one: "try again" (sysexits.h)."""

SIGNS = "onefit/signs/"


def initialize(
    job_addresses: str | None = None,
    num_processes: int | None = None,
    process_id: int | None = None,
    *,
    timeout: float = 300,
) -> None:
    """Joins this process to others; each of them runs the same program.

    It comes before anything is computed. Under Slurm, MPI and on TPUs nothing has to be
    given: JAX finds it.

    Args:
        job_addresses: 'host:port' of process 0, which may be followed by those of the
            others, after commas. By default KERAS_DISTRIBUTION_JOB_ADDRESSES.
        num_processes: How many there are, or KERAS_DISTRIBUTION_NUM_PROCESSES.
        process_id: The number of this one, or KERAS_DISTRIBUTION_PROCESS_ID.
        timeout: Seconds to wait for the others at the start, and for a sign of each in
            a fit: then the process ends, with status 75, and says which is missing.

    Raises:
        ValueError: A port in use.
    """
    read = functools.partial(_environment, os.environ)
    job_addresses = job_addresses or read("JOB_ADDRESSES")
    number, count = read("PROCESS_ID"), read("NUM_PROCESSES")
    process_id = int(number) if process_id is None and number else process_id
    num_processes = int(count) if num_processes is None and count else num_processes
    address = job_addresses.split(",")[0] if job_addresses else None
    if address is not None and process_id == 0:
        _refuse_port_in_use(address)
    waited = threading.Timer(
        timeout,
        _end,
        [
            f"process {process_id} of {num_processes} has waited {timeout:g} s at "
            f"{address}, and not all have come. Start one with each number from 0 on, "
            "by the same address, and look at the firewall."
        ],
    )
    waited.daemon = True
    waited.start()
    jax.distributed.initialize(
        address,
        num_processes,
        process_id,
        # JAX would end the process with a stack trace and no sentence.
        initialization_timeout=int(2 * timeout + 10),
        heartbeat_timeout_seconds=int(2 * timeout + 10),
    )
    waited.cancel()
    _Signs.now = _Signs(timeout)
    _Signs.now.thread.start()


def _environment(environment: Any, name: str) -> str | None:
    return environment.get(f"KERAS_DISTRIBUTION_{name}")


def _refuse_port_in_use(address: str) -> None:
    """Refuses the address of a port that another program listens on."""
    host, _, port = address.rpartition(":")
    if not port.isdigit():
        raise invalid("job_addresses", repr(address), "'host:port' of process 0")
    with socket.socket() as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind((host, int(port)))
        except OSError as error:
            raise invalid(
                "distribution.initialize",
                f"{address!r}, where this process cannot listen ({error.strerror})",
                "a free port of the machine that process 0 runs on",
                "write another port",
            ) from error


def _end(sentence: str) -> None:
    """Ends this process with a sentence; no call of a program can be interrupted."""
    sys.stderr.write(f"onefit: {sentence}\n")
    sys.stderr.flush()
    os._exit(ENDED)


class _Signs:
    """The signs of life of all processes, given and looked for by a thread.

    Attributes:
        base: Programs that this process had called when the fit began; None between
            two fits, when nobody waits.
    """

    now: "_Signs | None" = None

    def __init__(self, timeout: float) -> None:
        from jax._src import distributed  # no public name has the table

        self.client: Any = distributed.global_state.client
        self.timeout = timeout
        self.base: int | None = None
        self.rank, self.count = jax.process_index(), jax.process_count()
        self.seen: dict[int, tuple[str, float]] = {}
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        pause, number = min(1.0, self.timeout / 5), 0
        begun = time.monotonic()
        while True:
            number += 1
            calls = -1 if self.base is None else programs.calls() - self.base
            try:
                self.client.key_value_set(
                    f"{SIGNS}{self.rank}", f"{number} {calls}", allow_overwrite=True
                )
                signs = dict(self.client.key_value_dir_get(SIGNS))
            except Exception:  # of JAX's own kinds: the service has gone
                if self.base is not None:
                    _end("process 0, by which the others speak, is gone. Start again.")
                return
            self._look(signs, begun)
            time.sleep(pause)

    def _look(self, signs: dict[str, str], begun: float) -> None:
        """Ends this process where another one is missing."""
        now = time.monotonic()
        frozen: dict[int, float] = {}
        at: dict[int, int] = {}
        for rank in range(self.count):
            sign = signs.get(f"{SIGNS}{rank}", "0 -1")
            number, calls = sign.split()
            at[rank] = int(calls)
            for what, value in ((rank, number), (~rank, calls)):
                known = self.seen.get(what, ("", begun))
                if known[0] != value:
                    self.seen[what] = value, now
                frozen[what] = now - self.seen.get(what, known)[1]
        if self.base is None or at[self.rank] < 0:
            return
        silent = [r for r in range(self.count) if frozen[r] > self.timeout]
        stuck = [
            rank
            for rank, calls in at.items()
            if 0 <= calls < at[self.rank] and frozen[~rank] > self.timeout
        ]
        # One that is behind, and sees that it is, ends too.
        ahead = [
            rank
            for rank, calls in at.items()
            if calls > at[self.rank] and frozen[~self.rank] > self.timeout
        ]
        if silent:
            _end(self._missing(silent, "has given no sign of life"))
        if stuck:
            _end(self._missing(stuck, "has not come to where the others wait"))
        if ahead:
            _end(f"process {self.rank} is the one that the others have waited for.")

    def _missing(self, ranks: list[int], why: str) -> str:
        names = " and ".join(f"process {rank}" for rank in ranks)
        return (
            f"{names} of {self.count} {why} for {self.timeout:g} s, so process "
            f"{self.rank} ends. Start all again: a fit with BackupAndRestore goes on."
        )


def agreed(seed: int, told: dict[str, int]) -> int:
    """The seed of process 0; refuses what is not the same in all processes."""
    mine = np.array([seed, *told.values()], np.uint32)
    every = np.asarray(multihost_utils.process_allgather(mine))
    for rank, theirs in enumerate(every):
        for name, value, wanted in zip(told, theirs[1:], every[0][1:], strict=True):
            if value != wanted:
                raise invalid(
                    "fit",
                    f"another {name} in process {rank} than in process 0",
                    "the same script and the same rows in all processes",
                    "draw from one seed: onefit.config.set_random_seed(0)"
                    if name in ("x", "y")
                    else "start all with the same files",
                )
    if _Signs.now is not None:
        _Signs.now.base = programs.calls()
    return int(every[0][0])


def ended() -> None:
    """The fit has ended: nobody waits until the next one."""
    if _Signs.now is not None:
        _Signs.now.base = None
