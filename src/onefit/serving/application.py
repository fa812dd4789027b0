"""The service as an ASGI application: who may ask what, and how it is answered."""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from onefit.packages import package
from onefit.serving.batching import Batches
from onefit.serving.bodies import rows_of
from onefit.serving.describing import openapi
from onefit.serving.limits import Bounds
from onefit.serving.metrics import Metrics
from onefit.serving.service import SIZES, Service
from onefit.web import HEADERS, LOCAL, Door, Refused

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

__all__ = ["application"]

OPEN = ("/", "/page.js", "/page.css", "/health")
"""What is answered without a token: nothing of it tells of the table."""

LOG = logging.getLogger("onefit.serving")

Endpoint = Callable[["Request"], Awaitable["Response"]]


def application(
    service: Service,
    *,
    bounds: Bounds | None = None,
    token: str | None = None,
    hosts: tuple[str, ...] = LOCAL,
) -> Any:  # a Starlette, which is not imported here
    """The ASGI application of a service, for any server of ASGI.

    `POST /predict` and `/explain` take rows as JSON or CSV; `GET /schema`,
    `/openapi.json`, `/health` and `/metrics` tell of it; `/` is a page with a form.

    Args:
        service: What answers.
        bounds: What clients may ask for.
        token: What clients have to send: `Authorization: Bearer TOKEN`.
        hosts: The names under which it may be asked, '*' for any: a page of somewhere
            else, whose name is made to point here, is refused.

    Raises:
        ImportError: starlette is not installed.
    """
    package("starlette", "A service")
    from starlette.applications import Starlette
    from starlette.routing import Route

    desk = _Desk(service, bounds or Bounds(), token, hosts)
    routes = [
        Route(path, desk.guarded(path, ask), methods=[method])
        for method, path, ask in desk.asked
    ]
    return Starlette(
        routes=routes,
        lifespan=desk.open,
        exception_handlers={404: desk.strange, 405: desk.strange},
    )


class _Desk:
    """What requests come to."""

    def __init__(
        self,
        service: Service,
        bounds: Bounds,
        token: str | None,
        hosts: tuple[str, ...],
    ) -> None:
        self.service, self.bounds = service, bounds
        self.door = Door(hosts, token, "onefit serve")
        self.metrics, self.begin = Metrics(), time.time()
        self.batches: Batches | None = None
        self.schema = service.schema()
        self.asked: list[tuple[str, str, Endpoint]] = [
            ("POST", "/predict", self.predict),
            ("POST", "/explain", self.explain),
            ("GET", "/schema", self._told(self.schema)),
            ("GET", "/openapi.json", self._told(_described(self.schema, token))),
            ("GET", "/health", self.health),
            ("GET", "/metrics", self.measured),
            ("GET", "/", _sent(_page("html"), "text/html")),
            ("GET", "/page.js", _sent(_page("js"), "text/javascript")),
            ("GET", "/page.css", _sent(_page("css"), "text/css")),
        ]

    @asynccontextmanager
    async def open(self, app: Any) -> AsyncIterator[None]:
        """While the service runs; at its end, who waits is answered."""
        del app
        self.batches = Batches(
            self.service.answer, SIZES[-1], self.bounds.waiting, self.metrics.called
        )
        yield
        await self.batches.close()

    def guarded(self, path: str, ask: Endpoint) -> Endpoint:
        """An endpoint with token, time, errors and metrics around it."""

        async def answer(request: "Request") -> "Response":
            begin = time.perf_counter()
            try:
                self.door.admit(request.headers)
                if path not in OPEN:
                    self.door.unlock(request.headers)
                async with asyncio.timeout(self.bounds.seconds):
                    response = await ask(request)
            except Refused as refused:
                response = _error(refused.status, refused.sentence, refused.headers)
            except TimeoutError:
                response = _error(
                    503, f"the request: it took more than {self.bounds.seconds:g} "
                    "seconds. Send fewer rows at once, or come again.",
                )  # fmt: skip
            except (
                Exception
            ) as error:  # ours: for who runs the service, not for clients
                if type(error).__name__ == "ClientDisconnect":
                    response = _error(400, "the request: it was broken off.")
                else:
                    LOG.exception("%s failed", path)
                    response = _error(
                        500, "the service: it failed, and wrote down why."
                    )
            self.metrics.answered(
                path, response.status_code, time.perf_counter() - begin
            )
            return response

        return answer

    async def _rows(self, request: "Request") -> list[Any]:
        """The rows of a request, read within the bounds."""
        body, most = bytearray(), self.bounds.size
        async for part in request.stream():
            body += part
            if len(body) > most:
                raise Refused(
                    413, f"the body: received more than {most:,} bytes. Send the rows "
                    "in parts, or write `onefit predict` for a whole file.",
                )  # fmt: skip
        kind = request.headers.get("content-type", "none")

        def read() -> list[Any]:
            rows = rows_of(bytes(body), kind, self.bounds.rows, self.service.frame)
            self.service.check(rows)
            return rows

        small = len(body) < 20_000 and "json" in kind  # not worth a thread
        return read() if small else await asyncio.to_thread(read)

    async def predict(self, request: "Request") -> "Response":
        """Rows in, their predictions out."""
        rows = await self._rows(request)
        assert self.batches is not None, "lifespan has not begun"
        return _json({"predictions": await self.batches.ask(rows)})

    async def explain(self, request: "Request") -> "Response":
        """One row in, what makes up its prediction out."""
        rows = await self._rows(request)
        if len(rows) != 1:
            raise Refused(400, f"the body: received {len(rows)} rows; expected one.")
        return _json(await asyncio.to_thread(self.service.explain, rows[0]))

    async def health(self, request: "Request") -> "Response":
        """That it answers."""
        del request
        return _json({"status": "ok", "seconds": round(time.time() - self.begin)})

    async def measured(self, request: "Request") -> "Response":
        """Counts and seconds."""
        return await _sent(self.metrics.text(), "text/plain; version=0.0.4")(request)

    async def strange(self, request: "Request", error: Any) -> "Response":
        """A path or a method that there is not."""
        paths = ", ".join(f"{method} {path}" for method, path, _ in self.asked)
        status = error.status_code
        self.metrics.answered("other", status, 0.0)
        return _error(
            status,
            f"{request.method} {request.url.path[:60]!a}: expected one of {paths}.",
        )

    def _told(self, what: Any) -> Endpoint:
        async def tell(request: "Request") -> "Response":
            del request
            return _json(what)

        return tell


def _page(kind: str) -> str:
    """A file of the page, which makes a form from the schema by itself.

    What comes from the table is set as text, never as markup.
    """
    return (Path(__file__).parent / "page" / f"page.{kind}").read_text("utf-8")


def _described(schema: Any, token: str | None) -> dict[str, Any]:
    from onefit import __version__

    return openapi(schema, __version__, token is not None)


def _json(told: Any, status: int = 200, headers: dict[str, str] | None = None) -> Any:
    from starlette.responses import Response

    text = json.dumps(told, allow_nan=False, separators=(",", ":"))
    return Response(text, status, HEADERS | (headers or {}), "application/json")


def _error(status: int, sentence: str, headers: dict[str, str] | None = None) -> Any:
    return _json({"error": sentence}, status, headers)


def _sent(text: str, kind: str) -> Endpoint:
    async def send(request: "Request") -> "Response":
        del request
        from starlette.responses import Response

        return Response(text, headers=HEADERS, media_type=kind)

    return send
