"""`onefit serve` under load: `python -m benchmarks.serving --model MODEL --rows CSV`.

A server is started in a process of its own. `--clients` of them ask it single rows,
each as fast as it is answered, for `--seconds`; then `--malformed` requests come that
are none: broken JSON, deep nests, wrong types, cut bodies, bytes at random, none of
HTTP. It prints rows a second, the quantiles of what clients waited, the time of the
server's processor for a row, and what was answered; a stack trace or a crash ends it.

The clients need a processor too: on two cores, what is measured is both.
"""

import argparse
import asyncio
import json
import os
import random
import resource
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np

from onefit import tables


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def started(model: Path, port: int) -> subprocess.Popen:
    program = "import sys; from onefit.cli import main; sys.exit(main(sys.argv[1:]))"
    return subprocess.Popen(
        [sys.executable, "-c", program, "serve", str(model), "--port", str(port)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def request(body: bytes, kind: str = "application/json", more: str = "") -> bytes:
    return (
        f"POST /predict HTTP/1.1\r\nhost: localhost\r\ncontent-type: {kind}\r\n"
        f"content-length: {len(body)}\r\n{more}\r\n"
    ).encode() + body


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head.split(None, 2)[1])
    length = next(
        int(line.split(b":")[1])
        for line in head.lower().splitlines()
        if line.startswith(b"content-length")
    )
    return status, await reader.readexactly(length)


async def client(port: int, bodies: list[bytes], until: float, seconds: list) -> int:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lost = 0
    while time.perf_counter() < until:
        begin = time.perf_counter()
        writer.write(random.choice(bodies))
        status, told = await answer(reader)
        seconds.append(time.perf_counter() - begin)
        lost += status != 200 or b'"prediction"' not in told
    writer.close()
    return lost


def cpu(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def load(port: int, pid: int, bodies: list[bytes], options) -> None:
    await asyncio.gather(
        *(
            client(port, bodies, time.perf_counter() + 2, [])
            for _ in range(options.clients)
        )
    )
    seconds: list[float] = []
    begin, before = time.perf_counter(), cpu(pid)
    until = begin + options.seconds
    lost = await asyncio.gather(
        *(client(port, bodies, until, seconds) for _ in range(options.clients))
    )
    took, spent = time.perf_counter() - begin, cpu(pid) - before
    q = ", ".join(
        f"{name} {1000 * np.quantile(seconds, share):.1f}"
        for name, share in {"p50": 0.5, "p90": 0.9, "p99": 0.99, "most": 1.0}.items()
    )
    print(
        f"{options.clients} clients, single rows: {len(seconds) / took:,.0f} rows a "
        f"second, lost {sum(lost)}; waited {q} ms; the server's processor "
        f"{1e3 * spent / len(seconds):.3f} ms a row ({spent / took:.2f} cores)"
    )


LAST = "connection: close\r\n"


def head(first: str, more: str = "") -> bytes:
    return f"{first}\r\nhost: localhost\r\n{more}\r\n".encode()


def broken(rng: random.Random, good: bytes) -> bytes:
    """A request that is none, or has a body that is none."""
    row = json.loads(good)
    values = [[1], {"a": 1}, "\ud800", "x" * 100_000, 10**400, True, -1e308, "=1+1", ""]
    strange = {**row, rng.choice(list(row)): rng.choice(values)}
    bodies = [
        *(b"", b"null", b"[]", b"{}", b"1", b'"x"', b"[1]", b"NaN", b'{"a": NaN}'),
        *(b'{"rows": {}}', b'{"rows": [null]}', b"1" * 5000),
        b'{"rows": [' + b"{}," * 20_000 + b"{}]}",
        good[: rng.randrange(len(good))],
        b"[" * rng.randrange(1, 200_000),
        rng.randbytes(rng.randrange(2000)),
        json.dumps(strange).encode(),
        json.dumps({"other": 1, "columns": 2}).encode(),
    ]
    texts = [
        *(b"", b"a", b"a,b\n1\n", b'a,b\n"1,2\n', b"\x00" * 100, good),
        *(rng.randbytes(500), b"PK\x03\x04" + good, b"\x1f\x8b" + good),
        b"a;b\n1;2;3\n1;2\n",
    ]
    heads = [
        head("GET /predict HTTP/1.1"),
        head("POST /../../etc/passwd HTTP/1.1", "content-length: 0\r\n"),
        head("POST /predict HTTP/1.1", "content-length: -1\r\n"),
        head("POST /predict HTTP/1.1", "transfer-encoding: chunked\r\n") + b"zz\r\n",
        head("POST /predict HTTP/1.1", "content-length: 50\r\n") + b"{",
        head("GET /schema HTTP/1.1").replace(b"localhost", b"elsewhere.example"),
        *(b"\r\n\r\n\r\n", b"HELO there\r\n\r\n", b"POST /predict HTTP/9.9\r\n\r\n"),
        rng.randbytes(300) + b"\r\n\r\n",
    ]
    kind = rng.random()
    if kind < 0.6:
        return request(rng.choice(bodies), more=LAST)
    if kind < 0.8:
        return request(rng.choice(texts), "text/csv", LAST)
    return rng.choice(heads)


async def malformed(port: int, good: list[bytes], count: int) -> None:
    rng, found, traces = random.Random(0), Counter(), 0
    rows = [body.partition(b"\r\n\r\n")[2] for body in good]
    gate = asyncio.Semaphore(32)

    async def one(sent: bytes) -> None:
        nonlocal traces
        async with gate:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            told = b""
            try:
                writer.write(sent)
                if LAST.encode() not in sent:  # nothing more comes
                    writer.write_eof()
                if rng.random() < 0.9:  # others do not wait
                    told = await asyncio.wait_for(reader.read(), 60)
            except (OSError, TimeoutError) as error:
                found[type(error).__name__] += 1
            finally:
                writer.close()
        found[
            told.split(b" ", 2)[1].decode() if told.startswith(b"HTTP") else "none"
        ] += 1
        traces += b"Traceback" in told or b'File "' in told

    for start in range(0, count, 500):
        part = range(start, min(start + 500, count))
        await asyncio.gather(*(one(broken(rng, rng.choice(rows))) for _ in part))
    told = ", ".join(f"{status}: {n}" for status, n in sorted(found.items()))
    print(f"{count:,} malformed requests: {told}; stack traces to clients: {traces}")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(good[0])
    status, _ = await answer(reader)
    writer.close()
    assert status == 200, f"after these, a good request has {status}"
    assert not traces
    assert not found["500"], "the service failed"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--rows", type=Path, required=True, help="rows to ask for")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--malformed", type=int, default=10_000)
    options = parser.parse_args()
    frame = tables.read(options.rows).head(500)
    frame = frame.astype(object).where(frame.notna(), None)
    rows = [json.dumps(row, default=str).encode() for row in frame.to_dict("records")]
    bodies = [request(row) for row in rows]
    port = free_port()
    server = started(options.model, port)
    try:
        line = server.stdout.readline()
        assert "listening" in line, server.stderr.read()
        print(f"{os.cpu_count()} cores, load before {os.getloadavg()[0]:.1f}")
        asyncio.run(load(port, server.pid, bodies, options))
        if options.malformed:
            asyncio.run(malformed(port, bodies, options.malformed))
        begin = time.perf_counter()
        server.terminate()
        code = server.wait(60)
        print(f"ended with {code} in {time.perf_counter() - begin:.1f} s; "
              f"{resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024} MB; "
              f"on its stderr: {server.stderr.read()[-2000:]!r}")  # fmt: skip
    finally:
        server.kill()


if __name__ == "__main__":
    main()
