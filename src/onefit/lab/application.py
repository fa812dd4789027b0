"""The lab over HTTP, as an ASGI application.

The contract of its messages. All paths stand below the address, so that a proxy may put
something in front of them.

`GET /`, `/lab.js`, `/words.js`, `/draw.js`, `/lab.css`: the page; without the token,
    since nothing of it tells of the data.
`GET /events?token=T`: server-sent events, the latest state of each kind, dropping what
    nobody had time for:

    `about`  what is built: {version, design, data, layers, findings, settings, axes,
             choices, lesson, lessons}; `design` is that of `design.Design`, null where
             Python made the model; `settings` are those that the optimizer, the loss
             and the layers' initializers have of their own, as `settings.offered` says;
             `axes` names what a map can vary; a layer of the design has a `number`,
             which stays while others come and go; `findings` have title, why and
             instead by language.
    `frame`  how it is: {version, built: the version of `about` that it is of, epoch,
             batch, batches, playing, speed, pace, last: {log: value}, curves: {epoch:
             [], log: []}, moments, weights: [{kernel: [], bias: []} by layer],
             pictures, health: [{layer, dead, saturated, gradient}], valley, note}.
             `pictures` is of `kind` plane, line or example; `output` is a list, one
             for each unit; `inputs` and each of `units` is {h, w, n, data: n pictures
             of int8 as base64, top: what 127 stands for}.
             Of a page that compares fits there is `about` alone, {version, runs}: see
             `monitor.Runs`; of a fit that runs elsewhere `monitor` is true.

`POST /do` with `Authorization: Bearer T` and an object {"do": name, ...} as JSON: has
    it done between two stretches. 200 and an object, which may be empty; or 4xx and
    {"error": sentence}. The names, with their arguments:

    play, pause; step(by: epoch | batch | example); rewind(epoch); change(design: some
    settings); layer(number, changes: some of its settings, more: units); add(layer);
    remove(number); feature(name, seen); renew(seed: seed | data_seed); edit(layer,
    weight, place, value); view(speed, example, axes, stop); trace; formula(layer, unit,
    weight, place); diagnose; fix(code, layer); load(text, target); teach(lesson);
    answer(question, value); several(seeds, epochs); survey(across, upwards, epochs,
    side); open(member); out(kind: python | keras | onnx | lab); restore(lab).

    Each changes one thing, and not what a page believes of the rest: of two that are
    sent before the page is drawn anew, from one page or from two, both count.

Numbers that are none are null. Nothing that a message has names a file or is run.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from onefit.packages import package
from onefit.types import Config
from onefit.web import HEADERS, LOCAL, Door, Refused

if TYPE_CHECKING:
    from concurrent.futures import Future

    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["Served", "application"]

SIZE = 8_000_000
"""Bytes of one request: a table, a lab file."""

TABS = 32
"""Pages that may look at once."""

LOOK = 0.02
"""Seconds between two looks for something new."""

BEAT = 5.0
"""Seconds after which a page is told that the server is there."""

FILES = {
    "/": ("lab.html", "text/html"),
    "/lab.js": ("lab.js", "text/javascript"),
    "/draw.js": ("draw.js", "text/javascript"),
    "/words.js": ("words.js", "text/javascript"),
    "/lab.css": ("lab.css", "text/css"),
}


class Served(Protocol):
    """What a page looks at: a `desk.Lab`, a `monitor.Monitor`, `monitor.Runs`."""

    about: Config
    frame: Config
    watched: float

    def ask(self, command: Any) -> "Future[Config]":
        """Has a command done; its answer comes in the future."""
        ...


def application(
    lab: Served, token: str, names: tuple[str, ...] = LOCAL, framed: bool = False
) -> Any:  # a Starlette, which is not imported here
    """The ASGI application of a lab: see the module for its messages.

    Args:
        lab: What is looked at and steered.
        token: What a page has to send.
        names: The names under which it may be asked.
        framed: Whether it may stand in a page of this machine, as a notebook is.

    Raises:
        ImportError: starlette is not installed.
    """
    package("starlette", "The lab")
    from starlette.applications import Starlette
    from starlette.routing import Route

    desk = _Desk(lab, Door(names, token, "onefit lab"), framed)
    return Starlette(
        routes=[
            *(Route(path, desk.page, methods=["GET"]) for path in FILES),
            Route("/events", desk.events, methods=["GET"]),
            Route("/do", desk.do, methods=["POST"]),
        ],
        exception_handlers={404: desk.strange, 405: desk.strange},
    )


class _Desk:
    """What requests come to."""

    def __init__(self, lab: Served, door: Door, framed: bool) -> None:
        self.lab, self.door, self.tabs = lab, door, 0
        self.headers = dict(HEADERS)
        if framed:
            policy = "content-security-policy"
            self.headers[policy] = HEADERS[policy].replace(
                "frame-ancestors 'none'",
                "frame-ancestors 'self' http://localhost:* http://127.0.0.1:*",
            )

    async def page(self, request: "Request") -> "Response":
        """A file of the page."""
        from starlette.responses import Response

        try:
            self.door.admit(request.headers)
        except Refused as refused:
            return self._refused(refused)
        name, kind = FILES[request.url.path]
        text = (Path(__file__).parent / "page" / name).read_text("utf-8")
        return Response(text, headers=self.headers, media_type=kind)

    async def events(self, request: "Request") -> "Response":
        """The state, as often as it changes and the page can take it."""
        from starlette.responses import StreamingResponse

        try:
            self.door.admit(request.headers)
            self.door.unlock(request.headers, request.query_params.get("token", ""))
            if self.tabs >= TABS:
                raise Refused(503, f"the lab: {TABS} pages look at it; close one.")
        except Refused as refused:
            return self._refused(refused)
        return StreamingResponse(
            self._told(), headers=self.headers, media_type="text/event-stream"
        )

    async def _told(self) -> AsyncIterator[str]:
        self.tabs += 1
        seen, beat = {"about": -1, "frame": -1}, 0.0
        try:
            yield "retry: 1000\n\n"
            while True:
                for kind, last in seen.items():
                    state: Config = getattr(self.lab, kind)
                    if state and state["version"] != last:
                        seen[kind], beat = state["version"], time.monotonic()
                        yield f"event: {kind}\ndata: {_json(state)}\n\n"
                now = self.lab.watched = time.monotonic()
                if now - beat > BEAT:
                    beat = now
                    yield "event: beat\ndata: {}\n\n"
                await asyncio.sleep(LOOK)
        finally:
            self.tabs -= 1

    async def do(self, request: "Request") -> "Response":
        """A command."""
        try:
            self.door.admit(request.headers)
            self.door.unlock(request.headers)
            command = await self._read(request)
        except Refused as refused:
            return self._refused(refused)
        try:
            answer = await asyncio.wrap_future(self.lab.ask(command))
        except (ValueError, TypeError, ImportError, OSError) as error:
            return self._answer({"error": str(error)}, 400)
        except Exception as error:  # ours: the page says so, and goes on
            return self._answer({"error": f"{type(error).__name__}: {error}"}, 500)
        return self._answer(answer)

    async def _read(self, request: "Request") -> Any:
        kind = request.headers.get("content-type", "none")
        if kind.partition(";")[0].strip().lower() != "application/json":
            raise Refused(
                415, f"content-type: received {kind[:60]!a}; expected application/json."
            )
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > SIZE:
                raise Refused(413, f"the body: received more than {SIZE:,} bytes.")
        try:
            return json.loads(bytes(body), parse_constant=lambda name: None)
        except (ValueError, RecursionError):
            raise Refused(400, "the body: received no JSON.") from None

    async def strange(self, request: "Request", error: Any) -> "Response":
        """A path or a method that there is not."""
        paths = "GET / or /events, or POST /do"
        told = f"{request.method} {request.url.path[:60]!a}: expected {paths}."
        return self._answer({"error": told}, error.status_code)

    def _refused(self, refused: Refused) -> "Response":
        return self._answer(
            {"error": refused.sentence}, refused.status, refused.headers
        )

    def _answer(
        self, told: Config, status: int = 200, more: dict[str, str] | None = None
    ) -> "Response":
        from starlette.responses import Response

        headers = self.headers | (more or {})
        return Response(_json(told), status, headers, "application/json")


def _json(told: Config) -> str:
    return json.dumps(told, allow_nan=False, separators=(",", ":"), ensure_ascii=False)
