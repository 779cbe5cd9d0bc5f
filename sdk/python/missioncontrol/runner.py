"""The threads of a running agent: heartbeats, commands, claims, and one for each mission."""

from __future__ import annotations

import random
import threading
import time
from typing import TYPE_CHECKING, Any, List, Optional
from urllib.parse import quote

from . import encoding, errors, sse, usage
from .model import JSON
from .outcome import work
from .task import CANCELLED, LEASE_LOST, STOPPING, Task
from .transport import Stream

if TYPE_CHECKING:
    from .agent import Agent

# How long one claim is parked, and how much longer its reply may take, in seconds. A supervisor
# that is killed loses the claims parked there, so an agent asks often.
_CLAIM_SECONDS = 10.0
_CLAIM_REPLY_SECONDS = 10.0

# How long to wait before a failed request is sent again, in seconds.
_PAUSE = 0.5

# How long claims wait for the stream of commands, in seconds.
_CONNECT_SECONDS = 5.0

# The least time between two heartbeats of the thread that sends them, in seconds. Two in a row without a
# mission end its lease, and the reply to the claim that got it may still be on its way.
_LEAST_HEARTBEAT = 0.1

# There is at least a comment on the stream of commands every 15 seconds.
_SILENCE_SECONDS = 40.0


class Runner:
    """A running agent.

    The threads of heartbeats and of commands have connections of their own, so that neither a
    busy handler nor a large result delays them. The end of the stream of commands is how the
    supervisor notices at once that this process died.
    """

    def __init__(self, agent: Agent) -> None:
        self.agent, self.log = agent, agent.logger
        self._work = agent.transport.copy()
        self._control = agent.transport.copy()
        self._base = f"/api/agents/{quote(agent.id, safe='')}/"
        self._heartbeat, self._lease = 3.0, 10.0  # until the supervisor says
        self._changed = threading.Condition()  # of tasks, draining and dead
        self._tasks: List[Task] = []
        self._draining = False
        self._dead = threading.Event()
        self._receiving = False  # the reply to a claim is arriving
        self._registering = threading.Lock()
        self._registered_at = 0.0
        self._beating = threading.Lock()  # a later heartbeat never overtakes an earlier one
        self._beat_soon = threading.Event()
        self._meter = usage.Meter()
        self._stream: Optional[Stream] = None
        self._connected = threading.Event()  # the stream of commands was open once
        self._troubled = False

    # Requests

    def ask(self, verb: str, body: JSON, timeout: Optional[float] = None) -> Any:
        """Sends a request of the agent. A reply may take half a lease, at least a second."""
        reply = self._work.request("POST", self._base + verb, body, timeout=timeout or max(1.0, self._lease / 2))
        self.answered()
        return reply

    def trouble(self, what: str, error: BaseException) -> None:
        """Logs the first of a series of failures as a warning, and the others at debug level."""
        first, self._troubled = not self._troubled, True
        (self.log.warning if first else self.log.debug)("%s: %s", what, error)

    def answered(self) -> None:
        """Ends a series of failures."""
        if self._troubled:
            self._troubled = False
            self.log.info("the supervisor answers again")

    def register(self, again: bool = True) -> None:
        """Registers the agent, however long that takes.

        Raises the refusal of an agent that breaks a rule, and, the first time, of one whose token
        is not accepted.
        """
        asked = time.monotonic()
        with self._registering:
            if again and self._registered_at > asked:
                return  # another thread did
            while not self._dead.is_set():
                try:
                    reply = self._control.request("POST", self._base + "register", self.agent.registration(), timeout=5.0)
                    self._heartbeat, self._lease = float(reply["heartbeat_seconds"]), float(reply["lease_seconds"])
                    self._registered_at = time.monotonic()
                    self.answered()
                    return
                except (errors.InvalidRequest, errors.TooLarge):
                    raise
                except (errors.Unauthorized, errors.Forbidden) as error:
                    if not again:
                        raise
                    self.trouble("cannot register; trying again", error)
                except errors.MissionControlError as error:
                    self.trouble("cannot register; trying again", error)
                if self._draining:
                    return
                self._dead.wait(_PAUSE)

    # Heartbeats

    def beat_now(self) -> None:
        """Has the thread of the heartbeats send one at once."""
        self._beat_soon.set()

    def _beat_loop(self) -> None:
        pause = self._heartbeat  # the first one follows when the stream of commands is open
        while not self._dead.is_set():
            self._beat_soon.wait(pause)
            self._beat_soon.clear()
            began = time.monotonic()
            answered = self._dead.is_set() or self.beat()
            if self._dead.wait(_LEAST_HEARTBEAT):
                return
            rest = self._heartbeat - (time.monotonic() - began)
            pause = max(0.0, rest if answered else min(rest, _PAUSE))

    def beat(self) -> bool:
        """Sends one heartbeat, and acts on the reply. Returns whether there was one."""
        with self._beating:
            with self._changed:
                listed = [(task, task._inbox.seen()) for task in self._tasks if task._mine]
                body: JSON = {"running": [{**task._ref, **({"seen": seen} if seen else {})} for task, seen in listed]}
                if self._draining:
                    body["draining"] = True
                if self._receiving:
                    body["receiving"] = True
            body.update({name: value for name, value in (("cpu", self._meter.cores()), ("memory_bytes", usage.memory_bytes())) if value is not None})
            sent = time.monotonic()
            try:
                reply = self._control.request("POST", self._base + "heartbeat", body, timeout=max(self._heartbeat, self._lease / 3))
            except (errors.NotFound, errors.Conflict):
                self.log.info("the supervisor no longer knows this agent; registering again")
                self.register()
                return False  # so that another one follows soon
            except errors.MissionControlError as error:
                self.trouble("a heartbeat was not answered", error)
                return False
            self.answered()
            self._act(reply, listed, sent)
            return True

    def _act(self, reply: JSON, listed: List[Any], sent: float) -> None:
        """Acts on the reply to a heartbeat, which is about the leases that were listed."""
        cancelled, lost = set(reply.get("cancel") or ()), set(reply.get("lost") or ())
        told = {one["mission_id"]: one["seq"] for one in reply.get("signals") or ()}
        for task, seen in listed:
            task._inbox.acknowledged(seen)
            if task.id in cancelled:
                task._end(CANCELLED)
            elif task.id in lost:
                task._end(LEASE_LOST)
            else:
                task._renew(sent + self._lease)
            if task.id in told:
                task._inbox.tell(told[task.id])

    def _watch_leases(self) -> None:
        """Ends work whose lease is over because no heartbeat was answered: another agent may have begun it."""
        while not self._dead.wait(max(0.02, self._heartbeat / 4)):
            with self._changed:
                overdue = [task for task in self._tasks if task._mine and task._overdue]
            for task in overdue:
                task._end(LEASE_LOST)

    # Commands

    def _listen(self) -> None:
        """Keeps the stream of commands open, for as long as the agent lives."""
        while not self._dead.is_set():
            pause = random.uniform(0.1, 0.25)
            try:
                self._listen_once()
            except errors.NotFound:
                self.register()
                if self._dead.wait(_PAUSE):
                    return
            except (errors.Unauthorized, errors.Forbidden) as error:
                self.trouble("the stream of commands is refused", error)
                pause = 1.0
            except errors.MissionControlError as error:
                if not self._dead.is_set():
                    self.trouble("the stream of commands broke; connecting again", error)
            self._dead.wait(pause)

    def _listen_once(self) -> None:
        stream = self._control.stream(self._base + "commands", timeout=_SILENCE_SECONDS, headers={})
        self._stream = stream
        try:
            if self._dead.is_set():
                return
            for event in sse.read(stream):
                if event.name == "ready":
                    self._connected.set()
                    self.beat_now()
                elif event.name == "command":
                    self._obey(event.data)
        finally:
            stream.close()

    def _obey(self, text: str) -> None:
        try:
            command = encoding.decode(text.encode())
            kind, mission, seq = command["command"], command.get("mission_id"), command.get("seq", 0)
        except (ValueError, KeyError, AttributeError, TypeError):
            self.log.warning("cannot decode a command")
            return
        if kind == "cancel":
            self.beat_now()  # it does not say which lease it is for; the reply to a heartbeat does
        elif kind == "signal":
            with self._changed:
                tasks = [task for task in self._tasks if task.id == mission and task._mine]
            for task in tasks:
                task._inbox.tell(int(seq))

    # Claims

    def _claim_loop(self) -> None:
        self._connected.wait(_CONNECT_SECONDS)  # so that the death of this process is noticed at once
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._draining or len(self._tasks) < self.agent.capacity)
                if self._draining:
                    return
                free = self.agent.capacity - len(self._tasks)
            try:
                reply = self._claim(min(free, 1000))
            except (errors.NotFound, errors.Conflict):
                if self._draining:
                    return
                self.log.info("the supervisor no longer knows this agent; registering again")
                self.register()
                self._dead.wait(0.1)
            except errors.MissionControlError as error:
                if not self._draining:
                    self.trouble("cannot claim missions; trying again", error)
                    self._dead.wait(_PAUSE)
            else:
                for raw in reply.get("missions") or ():
                    self._start(raw)
            finally:
                self._receiving = False

    def _claim(self, most: int) -> JSON:
        def arriving() -> None:
            self._receiving = True

        reply: JSON = self._work.request(
            "POST", self._base + "claim", {"max": most, "wait_seconds": _CLAIM_SECONDS},
            timeout=_CLAIM_SECONDS + _CLAIM_REPLY_SECONDS, on_answer=arriving,
        )  # fmt: skip
        self.answered()
        return reply

    def _start(self, raw: JSON) -> None:
        task = Task(self, raw, time.monotonic() + self._lease)
        with self._changed:
            self._tasks.append(task)
            draining = self._draining
        if draining:
            task._end(STOPPING)
        # Daemons, so that a handler that does not stop cannot keep the process alive.
        threading.Thread(target=self._work_on, args=(task,), name=f"mission {task.id}", daemon=True).start()

    def _work_on(self, task: Task) -> None:
        try:
            work(task, self.agent, self.log)
        except BaseException:
            self.log.exception("mission %s: its outcome could not be reported", task.id)
        finally:
            with self._changed:
                self._tasks.remove(task)
                self._changed.notify_all()

    # Life

    def run(self) -> None:
        """Registers, works until :meth:`drain`, and then drains. Raises what register does."""
        loops = {"listens": self._listen, "beats": self._beat_loop, "watches": self._watch_leases, "claims": self._claim_loop}
        threads = {name: threading.Thread(target=loop, name=f"{self.agent.id} {name}", daemon=True) for name, loop in loops.items()}
        try:
            self.register(again=False)
            for thread in threads.values():
                thread.start()
            with self._changed:
                self._changed.wait_for(lambda: self._draining)
            self._finish(threads["claims"])
        finally:
            self._die()
        for thread in threads.values():
            thread.join(1.0)  # claims may wait for longer for a supervisor that is away

    def drain(self) -> None:
        """Has :meth:`run` claim nothing more, finish and return. It returns at once."""
        with self._changed:
            self._draining = True
            self._changed.notify_all()

    def _finish(self, claims: threading.Thread) -> None:
        for _ in range(3):  # the heartbeat ends a parked claim
            if self.beat():
                break
            self._dead.wait(0.1)
        claims.join(3.0)
        if not self._await_tasks(self.agent.drain_seconds):
            with self._changed:
                tasks = list(self._tasks)
            for task in tasks:
                task._end(STOPPING)
            if not self._await_tasks(self.agent.stop_seconds):
                self.log.warning("handlers do not stop; their missions return to the queue")
        self._dead.set()
        with self._beating:  # a heartbeat after the leave would be refused
            try:
                self._control.request("POST", self._base + "leave", {}, timeout=2.0)
            except errors.MissionControlError as error:
                self.log.warning("cannot leave; the supervisor will notice that the agent is offline: %s", error)

    def _await_tasks(self, seconds: float) -> bool:
        with self._changed:
            return self._changed.wait_for(lambda: not self._tasks, seconds)

    def _die(self) -> None:
        self._dead.set()
        self._beat_soon.set()
        if self._stream is not None:
            self._stream.close()
        self._control.close()
        self._work.close()
