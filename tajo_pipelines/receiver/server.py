"""Both ports in one process, from the first request to an orderly end."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from sqlalchemy import make_url
from starlette.types import ASGIApp

from tajo_pipelines.model.errors import RetryableError
from tajo_pipelines.receiver.admin import Admin
from tajo_pipelines.receiver.app import Receiver
from tajo_pipelines.receiver.limits import LIMITS, Disk, Limits, Room
from tajo_pipelines.receiver.metrics import Metrics
from tajo_pipelines.receiver.protocol import GuardedProtocol, cut_slow_heads
from tajo_pipelines.receiver.routes import Route, read_routes
from tajo_pipelines.receiver.writer import Writer
from tajo_pipelines.settings.objects import Settings
from tajo_pipelines.store.opening import open_store

HOST = "127.0.0.1"
PORT = 8787
ADMIN_PORT = 8788

KEEP_ALIVE = 60
"""Seconds for which a connection may idle: platforms send many deliveries over one."""

GRACE = 10
"""Seconds beyond the slowest body within which a stop waits for answers."""

PRAGMAS: Mapping[str, int] = {"busy_timeout": 4000}
"""The writer's: it says no before a platform's own patience ends (Shopify's is 5 s). Its checkpoints stay as small as
SQLite makes them: every 8,000 pages instead of 1,000 they stop all commits for 45 ms (2026-11-25, 3,000/s of 4 KB: p99
44 ms instead of 14)."""

SWITCH_SECONDS = 0.001
"""After how long one thread lets the other go on."""

TICK = 1.0
"""Seconds between two looks at what isn't looked at for every request."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 takes a free one."""

    host: str = HOST
    port: int = PORT
    admin_host: str = HOST
    admin_port: int = ADMIN_PORT


@dataclass(frozen=True, slots=True)
class Started:
    """What answers now.

    Attributes:
        url: Of the public port, without a path.
        admin_url: Of the admin port.
        routes: The connections that are served.
    """

    url: str
    admin_url: str
    routes: tuple[Route, ...]


class _Server(uvicorn.Server):
    """A uvicorn server that leaves the process's signals alone and says when it answers."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.answers = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.answers.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def serve(
    settings: Settings,
    address: Address = Address(),
    *,
    limits: Limits = LIMITS,
    started: Callable[[Started], None] | None = None,
) -> None:
    """Receive until SIGINT or SIGTERM; whatever is under way then is kept and answered.

    Args:
        settings: The project's.
        address: Where to listen.
        limits: How much to take on.
        started: Called once both ports answer.

    Raises:
        ConfigError: A connection has no webhook secret, none has webhooks, or the store can't be opened.
        RetryableError: A port is taken.
    """
    routes = read_routes(settings)

    def announce(now: Started) -> None:
        own_the_process()
        if started is not None:
            started(now)

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        await run(settings.database_url, routes, address, stop, limits=limits, started=announce)

    with asyncio.Runner(loop_factory=_config(_nothing).get_loop_factory()) as runner:
        runner.run(main())


def own_the_process() -> None:
    """Set what a process that does nothing else may set, once it serves.

    A full collection looks at everything that was imported, which stops all answers for 0.1 s; nothing of that ever
    becomes garbage. The writer gets its turn after 1 ms instead of 5 while requests keep the interpreter busy. And a
    connection is a file: there may be as many as the system allows at all.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_SECONDS)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def run(
    database_url: str,
    routes: Mapping[str, Route],
    address: Address,
    stop: asyncio.Event,
    *,
    limits: Limits = LIMITS,
    started: Callable[[Started], None] | None = None,
) -> None:
    """Receive until ``stop`` is set; see `serve`."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(_bind(address.host, address.port))]
        sockets.append(stack.enter_context(_bind(address.admin_host, address.admin_port)))
        store = open_store(database_url)
        stack.callback(store.close)
        metrics = Metrics(routes)
        writer = Writer(open_store(database_url, pragmas=PRAGMAS), asyncio.get_running_loop(), limits, metrics)
        disk = Disk(_disk(database_url), limits.least_free)
        receiver = Receiver(routes, writer, metrics, limits, Room(limits.room), disk)
        public = _Server(_config(receiver, grace=int(limits.body_seconds + limits.drain_seconds) + GRACE))
        admin = _Server(_config(Admin(store, writer, metrics, disk, stop.is_set), grace=1))
        writer.start()
        serving = [
            asyncio.create_task(server.serve([bound])) for server, bound in zip((public, admin), sockets, strict=True)
        ]
        ticking = asyncio.create_task(_tick(public, disk, limits))
        try:
            await public.answers.wait()
            await admin.answers.wait()
            if started is not None:
                started(Started(_url(sockets[0]), _url(sockets[1]), tuple(routes.values())))
            await stop.wait()
        finally:
            public.should_exit = True
            await serving[0]
            await writer.close()
            admin.should_exit = True
            await serving[1]
            ticking.cancel()


async def _tick(server: _Server, disk: Disk, limits: Limits) -> None:
    """What is looked at once a second instead of at every request."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(TICK)
        disk.look()
        cut_slow_heads(server.server_state.connections, loop.time() - limits.header_seconds)


def _config(app: ASGIApp, *, grace: int = 1) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=GuardedProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=grace,
    )


async def _nothing(_scope: object, _receive: object, _send: object) -> None:
    """Stands for an application where only uvicorn's choice of a loop is asked for."""


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
    except OSError as error:
        raise _taken(host, port, error) from error
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(place)
    except OSError as error:
        bound.close()
        raise _taken(host, port, error) from error
    return bound


def _taken(host: str, port: int, error: OSError) -> RetryableError:
    message = f"can't listen: {error.strerror or error}"
    hint = "name another one with --port or --admin-port"
    return RetryableError(message, code="port_taken", where=f"{host}:{port}", hint=hint)


def _url(bound: socket.socket) -> str:
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _disk(database_url: str) -> Path | None:
    url = make_url(database_url)
    return Path(url.database).absolute().parent if url.get_backend_name() == "sqlite" and url.database else None
