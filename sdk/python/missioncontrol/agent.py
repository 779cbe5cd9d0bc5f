"""An agent: a process that works on missions."""

from __future__ import annotations

import inspect
import logging
import os
import platform
import queue
import re
import signal
import threading
from typing import Any, Callable, Dict, List, Mapping, Optional, TypeVar

from .model import JSON
from .runner import Runner
from .task import Task
from .transport import Transport

# A handler works on one mission, and returns its result, which is anything that JSON can hold, or
# a Park.
Handler = Callable[[Task], Any]

_Function = TypeVar("_Function", bound=Handler)


class Agent:
    """Works on missions, with a handler for each of their types.

        agent = Agent(capacity=4)

        @agent.handler("resize")
        def resize(task):
            task.progress(50, "half of it")
            return {"width": task.data["width"]}

        agent.run()

    url, token, ca_file and proxies are those of :class:`Transport`. id is 1 to 64 of A-Z a-z 0-9 _ -
    and must not be that of another process that runs; by default it is a new one. handlers are by
    type. capacity is how many missions it works on at once, 1 to 10,000, each in a thread.

    If handlers still work drain_seconds after the agent was told to stop, their tasks are
    cancelled, and their missions return to the queue; handlers have stop_seconds for that.
    """

    def __init__(
        self,
        url: Optional[str] = None,
        *,
        id: Optional[str] = None,
        name: Optional[str] = None,
        handlers: Optional[Mapping[str, Handler]] = None,
        capacity: int = 1,
        token: Optional[str] = None,
        ca_file: Optional[str] = None,
        proxies: bool = True,
        role: str = "",
        version: str = "",
        labels: Optional[Mapping[str, str]] = None,
        drain_seconds: float = 30.0,
        stop_seconds: float = 5.0,
        logger: Optional[logging.Logger] = None,
    ) -> None:
        self.id = id or "agent-" + os.urandom(4).hex()
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", self.id):
            raise ValueError(f"id {self.id!r} is not 1 to 64 characters of A-Z a-z 0-9 _ -")
        if not isinstance(capacity, int) or not 1 <= capacity <= 10_000:
            raise ValueError(f"capacity {capacity!r} is not a number from 1 to 10,000")
        self.name = name or self.id
        self.capacity = capacity
        self.role, self.version, self.labels = role, version, dict(labels or {})
        self.drain_seconds, self.stop_seconds = drain_seconds, stop_seconds
        self.logger = logger or logging.getLogger("missioncontrol")
        self.transport = Transport(url, token=token, ca_file=ca_file, proxies=proxies, name=self.id)
        self._handlers: Dict[str, Handler] = {}
        for kind, handler in (handlers or {}).items():
            self._add(kind, handler)
        # A queue that a signal handler may use, whatever the thread that it interrupts holds.
        self._stops: queue.SimpleQueue[Optional[BaseException]] = queue.SimpleQueue()

    def handler(self, *types: str) -> Callable[[_Function], _Function]:
        """Makes the function that it decorates the handler of these types."""

        def add(function: _Function) -> _Function:
            for kind in types:
                self._add(kind, function)
            return function

        return add

    def _add(self, kind: str, handler: Handler) -> None:
        if inspect.iscoroutinefunction(handler):
            raise TypeError(f"the handler of {kind} is a coroutine function; call asyncio.run in a plain one")
        if kind in self._handlers:
            raise ValueError(f"there is a handler of {kind} already")
        self._handlers[kind] = handler

    def handler_of(self, kind: str) -> Handler:
        """Returns the handler of a type."""
        return self._handlers[kind]

    @property
    def types(self) -> List[str]:
        """The types of missions that it works on."""
        return list(self._handlers)

    def registration(self) -> JSON:
        """Returns what it registers with."""
        optional = {"role": self.role, "version": self.version, "host": platform.node()[:200], "labels": self.labels}
        body: JSON = {"name": self.name, "types": self.types, "capacity": self.capacity}
        return {**body, **{name: value for name, value in optional.items() if value}}

    def stop(self) -> None:
        """Has :meth:`run` drain and return. It may be called from any thread, and from a signal handler."""
        self._stops.put(None)

    def run(self, *, handle_signals: bool = True) -> None:
        """Works until SIGTERM, SIGINT or :meth:`stop`, and then drains.

        A draining agent claims nothing more, waits for its handlers, and leaves. A second signal
        ends the process at once. Signals are handled only in the main thread, and unless
        handle_signals is false. An agent waits for a supervisor that cannot be reached. Raises
        ValueError if there is no handler, and MissionControlError if the supervisor refuses the
        agent.
        """
        if not self._handlers:
            raise ValueError("an agent needs a handler")
        runner = Runner(self)
        thread = threading.Thread(target=self._live, args=(runner,), name=f"{self.id} runs", daemon=True)
        with _Signals(self, handle_signals and threading.current_thread() is threading.main_thread()):
            thread.start()
            while True:
                end = self._stops.get()  # signals interrupt it
                if end is not None:
                    break
                runner.drain()
        thread.join()
        self._stops = queue.SimpleQueue()
        if not isinstance(end, _Drained):
            raise end

    def _live(self, runner: Runner) -> None:
        self.logger.info("agent %s works on missions of type %s, %d at once, at %s", self.id, ", ".join(self.types), self.capacity, self.transport.url)
        try:
            runner.run()
            self._stops.put(_Drained())
        except BaseException as error:
            self._stops.put(error)


class _Drained(Exception):
    """The end of a runner that was told to stop."""


class _Signals:
    """Has SIGTERM and SIGINT stop an agent, and the second one end the process."""

    def __init__(self, agent: Agent, active: bool) -> None:
        self._agent = agent
        self._numbers = (signal.SIGTERM, signal.SIGINT) if active else ()
        self._before: Dict[int, Any] = {}
        self._stopping = False

    def __enter__(self) -> None:
        for number in self._numbers:
            self._before[number] = signal.signal(number, self._handle)

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _handle(self, number: int, _: Any) -> None:
        if self._stopping:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        self._stopping = True
        self._agent.stop()
