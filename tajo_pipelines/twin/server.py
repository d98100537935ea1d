"""Both halves of the twin in one process: for the command line, and for tests in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import signal
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import uvicorn

from tajo_pipelines.twin.clock import TwinClock
from tajo_pipelines.twin.control import Control
from tajo_pipelines.twin.edge import CuttableProtocol, Edge
from tajo_pipelines.twin.faults import Faults
from tajo_pipelines.twin.half import CallLog, Closes, Half, SeededByShop, Shop, TwinOptions, TwinParts
from tajo_pipelines.twin.state_file import StateFile

HALVES: Mapping[str, str] = {
    "shopify": "tajo_pipelines.twin.shopify.app",
    "brevo": "tajo_pipelines.twin.brevo.app",
}
"""Name of a half and the module with its ``build``; the shop comes first, since Brevo's start needs it."""

STATE_FILE = "twin.sqlite"
_TICK = 0.1
_START_TIMEOUT = 60.0

T = TypeVar("T")


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


class Twin:
    """Both halves over one state file, not yet served.

    Args:
        home: Folder of the state file; None keeps the state in memory.
        options: With what to start.
        clock: Whose durations to use.
        halves: Names from ``HALVES``.
        reset: Forget what stands in the home.
    """

    def __init__(
        self,
        home: Path | None,
        options: TwinOptions,
        clock: TwinClock,
        *,
        halves: Sequence[str] = ("shopify", "brevo"),
        reset: bool = False,
    ) -> None:
        """See the class."""
        self.file = StateFile(None if home is None else home / STATE_FILE)
        if reset:
            self.file.clear()
        self.parts = TwinParts(clock, self.file, Faults(), CallLog(), options)
        self.halves: dict[str, Half] = {
            name: importlib.import_module(HALVES[name]).build(self.parts) for name in HALVES if name in halves
        }
        self._seed_brevo(options.brevo_unsubscribed)
        self.control = Control(self.halves, self.parts)
        self.ports: dict[str, int] = {}
        self.file.flush()

    def _seed_brevo(self, unsubscribed: Sequence[str] | None) -> None:
        shop = self.halves.get("shopify")
        brevo = self.halves.get("brevo")
        if unsubscribed is None:
            unsubscribed = shop.brevo_unsubscribed_emails() if isinstance(shop, Shop) else []
        if isinstance(brevo, SeededByShop):
            brevo.seed_unsubscribed(unsubscribed)

    async def run(self, host: str, ports: Mapping[str, int], stop: asyncio.Event, started: Callable[[], None]) -> None:
        """Serve until ``stop`` is set; ``started`` is called once both ports answer.

        Raises:
            OSError: A port is taken.
        """
        sockets = {name: _bind(host, ports.get(name, 0)) for name in self.halves}
        self.ports = {name: bound.getsockname()[1] for name, bound in sockets.items()}
        servers = {
            name: _Server(
                uvicorn.Config(
                    Edge(half, self.parts, self.control),
                    http=CuttableProtocol,
                    ws="none",
                    lifespan="off",
                    log_config=None,
                    access_log=False,
                    timeout_keep_alive=60,
                    timeout_graceful_shutdown=1,
                )
            )
            for name, half in self.halves.items()
        }
        tasks = [asyncio.create_task(servers[name].serve([sockets[name]])) for name in servers]
        ticking = asyncio.create_task(self._tick())
        try:
            for server in servers.values():
                await server.answers.wait()
            started()
            await stop.wait()
        finally:
            ticking.cancel()
            for server in servers.values():
                server.should_exit = True
            await asyncio.gather(*tasks)
            for half in self.halves.values():
                if isinstance(half, Closes):
                    half.close()
            self.file.close()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(_TICK)
            for half in self.halves.values():
                half.settle()
            self.file.flush()


def serve(  # noqa: PLR0913  # one argument an option of the command
    home: Path,
    brevo_port: int,
    shopify_port: int,
    *,
    customers: int,
    seed: int,
    clock: TwinClock | float = 1.0,
    reset: bool = False,
    host: str = "127.0.0.1",
    tier: str = "general",
    options: TwinOptions | None = None,
    started: Callable[[str, str], None] | None = None,
) -> None:
    """Serve both halves until SIGINT or SIGTERM.

    Args:
        home: Folder of the state file.
        brevo_port: Port of Brevo; 0 takes a free one.
        shopify_port: Port of Shopify; 0 takes a free one.
        customers: Customers of the seeded shop.
        seed: Makes the shop repeatable.
        clock: A clock, or how many times faster durations pass.
        reset: Start anew.
        host: Address to listen on.
        tier: Brevo's rate limits: general, advanced, extended, unlimited.
        options: All options at once; customers, seed and tier are taken from the arguments.
        started: Called with Brevo's and Shopify's base URL once both answer.

    Raises:
        OSError: A port is taken.
    """
    options = options or TwinOptions()
    options.customers, options.seed, options.tier = customers, seed, tier
    twin = Twin(home, options, clock if isinstance(clock, TwinClock) else TwinClock(clock), reset=reset)

    async def main() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)

        def announce() -> None:
            if started is not None:
                started(_brevo_url(host, twin), _shopify_url(host, twin))

        await twin.run(host, {"brevo": brevo_port, "shopify": shopify_port}, stop, announce)

    asyncio.run(main())


class TwinProcess:
    """A twin that runs in a thread of this process.

    Attributes:
        twin: The halves, for looking at their state directly.
        brevo_url: Base URL of Brevo, with ``/v3``.
        shopify_url: Base URL of the shop, without a path.
    """

    def __init__(self, twin: Twin, host: str = "127.0.0.1", ports: Mapping[str, int] | None = None) -> None:
        """Start it and wait until it answers.

        Raises:
            OSError: A port is taken.
        """
        self.twin = twin
        self._host = host
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._main, args=(ports or {},), name="twin", daemon=True)
        self._thread.start()
        if not self._ready.wait(_START_TIMEOUT):
            msg = "the twin did not start"
            raise TimeoutError(msg)
        if self._failure is not None:
            raise self._failure
        self.brevo_url = _brevo_url(host, twin)
        self.shopify_url = _shopify_url(host, twin)

    @property
    def brevo(self) -> Any:
        """The Brevo half; ``brevo.state`` is its account."""
        return self.twin.halves["brevo"]

    @property
    def shopify(self) -> Any:
        """The Shopify half."""
        return self.twin.halves["shopify"]

    def state(self, part: str | None = None) -> dict[str, Any]:
        """What ``GET /_twin/state`` answers, or one half's part of it; taken in the twin's own thread."""
        document = self.call(lambda: self.twin.control.state(part))
        return document if part is None else dict(document[part])

    def change(self, target: str, op: str, **arguments: Any) -> dict[str, Any]:
        """What ``POST /_twin/change`` does.

        Raises:
            ChangeError: The half refuses it.
        """
        return self.call(lambda: self.twin.halves[target].change(op, arguments))

    def faults(self, *rules: dict[str, Any], append: bool = False) -> None:
        """What ``POST /_twin/faults`` does; without rules it clears them."""
        self.call(lambda: self.twin.parts.faults.set(list(rules), append=append))

    def calls(self, target: str | None = None, since: int = 0) -> list[dict[str, Any]]:
        """What ``GET /_twin/calls`` answers."""
        return self.call(lambda: self.twin.parts.calls.since(since, target))

    def call(self, function: Callable[[], T]) -> T:
        """Run a function in the twin's thread, between two requests."""

        async def run() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(_START_TIMEOUT)

    def stop(self) -> None:
        """Stop serving and write the state; may be called twice."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(_START_TIMEOUT)

    def _main(self, ports: Mapping[str, int]) -> None:
        try:
            self._loop.run_until_complete(self.twin.run(self._host, ports, self._stop, self._ready.set))
        except OSError as error:
            self._failure = error
        finally:
            self._ready.set()
            self._loop.close()


@contextmanager
def running_twin(
    home: Path | None = None,
    *,
    options: TwinOptions | None = None,
    clock: TwinClock | None = None,
    halves: Sequence[str] = ("shopify", "brevo"),
    ports: Mapping[str, int] | None = None,
    reset: bool = False,
) -> Iterator[TwinProcess]:
    """A twin on free loopback ports for the length of a ``with`` block.

    Args:
        home: Folder of the state file; None keeps the state in memory.
        options: With what to start; the default here is a small shop and no rate limits.
        clock: Default: 50 times faster.
        halves: Which halves to run.
        ports: Fixed ports by half, free ones where left out.
        reset: Forget what stands in the home.
    """
    options = options or TwinOptions(customers=20, tier="unlimited")
    process = TwinProcess(Twin(home, options, clock or TwinClock(50.0), halves=halves, reset=reset), ports=ports)
    try:
        yield process
    finally:
        process.stop()


def _bind(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # TCP: asyncio sets NODELAY
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    return bound


def _brevo_url(host: str, twin: Twin) -> str:
    return f"http://{host}:{twin.ports.get('brevo', 0)}/v3"


def _shopify_url(host: str, twin: Twin) -> str:
    return f"http://{host}:{twin.ports.get('shopify', 0)}"
