"""A mission that a handler works on."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, Dict, List, Mapping, NoReturn, Optional, Sequence

from . import encoding, errors
from .client import created_of
from .inbox import Inbox
from .model import JSON, Mission, Park, Signal, new_id
from .spending import Spending

if TYPE_CHECKING:
    from .runner import Runner

# Why work on a mission is to stop.
CANCELLED = "the mission was cancelled"
LEASE_LOST = "the lease is lost"
STOPPING = "the agent is stopping"

# How long to wait before a report is sent again, in seconds.
_PAUSE = 0.1

# Codes of replies that the same request would get again.
_FINAL = (errors.LeaseLost, errors.NotFound, errors.Conflict, errors.InvalidRequest, errors.TooLarge)


class Parked(BaseException):
    """What :meth:`Task.park` ends a handler with."""

    def __init__(self, park: Park) -> None:
        super().__init__("parked")
        self.park = park


class Task:
    """One mission that a handler works on. Its methods may be called concurrently.

    mission is the mission as it was claimed. cancelled is a threading.Event that is set when the
    work is to stop; reason then says why. A handler that runs for long looks at it often, or calls
    :meth:`check` or :meth:`sleep`, which raise :class:`Cancelled`.
    """

    def __init__(self, runner: Runner, raw: Mapping[str, Any], lease_end: float) -> None:
        self.mission = Mission.of(raw)
        self.cancelled = threading.Event()
        self.reason: Optional[str] = None
        self._runner = runner
        self._ref: JSON = {"mission_id": raw["id"], "lease": raw["lease"]}
        self._lease_end = lease_end
        self._mutex = threading.Lock()
        self._reporting = threading.RLock()  # of two reports with usage or a checkpoint, the later one stays
        self._spending = Spending(raw.get("usage") or {}, self._send_usage)
        self._inbox = Inbox(raw)

    # What it is about

    @property
    def id(self) -> str:
        """The mission's ID."""
        return self.mission.id

    @property
    def data(self) -> JSON:
        """The mission's data."""
        return self.mission.data

    @property
    def lease(self) -> int:
        """The fencing token: pass it to systems that should refuse a holder whose lease is over."""
        lease: int = self._ref["lease"]
        return lease

    @property
    def attempt(self) -> int:
        """The number of the attempt, from 1."""
        return self.mission.attempt

    @property
    def turn(self) -> int:
        """How often the mission was claimed, this time included, also after it was parked."""
        return int(self.mission.raw.get("turn", 1))

    @property
    def timed_out(self) -> bool:
        """Whether the mission's latest wait ended because its time was up."""
        return self.mission.raw.get("timed_out") is True

    @property
    def inputs(self) -> Dict[str, JSON]:
        """The outcomes, with status and result, of the missions and batches that it waited for, by ID.

        Those for which the claim had no room are missing: see :meth:`input`.
        """
        return dict(self.mission.raw.get("inputs") or {})

    def input(self, source: str) -> JSON:
        """Returns the outcome of a mission or a batch that the mission waited for, however large."""
        known = self.inputs.get(source)
        if known is not None and not (known.get("result") is None and "inputs" in self._trimmed):
            return known
        return dict(self._insist("inputs", {"source": source}))

    @property
    def _trimmed(self) -> Sequence[str]:
        return self.mission.raw.get("trimmed") or ()

    # Stopping

    def check(self) -> None:
        """Raises Cancelled if the work is to stop."""
        if self.cancelled.is_set():
            raise errors.Cancelled(self.reason)

    def sleep(self, seconds: float) -> None:
        """Waits for some seconds; raises Cancelled as soon as the work is to stop."""
        self.cancelled.wait(seconds)
        self.check()

    # Reports

    def progress(self, percent: float, message: str = "") -> None:
        """Reports the progress, from 0 to 100 percent, and what is being done.

        A report that gets lost is logged and no error. Raises Cancelled if the work is to stop.
        """
        self.check()
        body: JSON = {"percent": percent}
        if message:
            body["message"] = message
        with self._reporting:
            self._try("progress", self._with_usage(body))

    def log(self, message: str, *, level: str = "info", data: Any = None) -> None:
        """Appends a line of at most 8 KiB to the mission's log, with any JSON as data.

        A line that gets lost, or for which the log has no more room, is no error. Raises Cancelled
        if the work is to stop.
        """
        self.check()
        body: JSON = {"message": message, "level": level}
        if data is not None:
            body["data"] = data
        self._try("log", body)

    def checkpoint(self, value: Any) -> None:
        """Stores what the next turn needs in order to go on: any JSON of up to 64 KiB.

        It replaces the checkpoint before, and survives failures, the death of the agent and
        parking. It is stored when this returns. Raises Cancelled if the mission is no longer this
        agent's, and TooLarge and InvalidRequest.
        """
        encoding.encode(value, "the checkpoint")
        with self._reporting:
            self._insist("progress", self._with_usage({"checkpoint": value}))

    def restore(self, default: Any = None) -> Any:
        """Returns the checkpoint that the mission was claimed with, default if there is none."""
        value = self.mission.raw.get("checkpoint")
        return default if value is None else value

    def usage(self, unit: str, amount: float) -> None:
        """Adds to what the mission has used: an amount, at least 0, of a unit such as usd.

        Call it whenever something was used: what this turn has used so far goes with the next
        report, and half a second later at the latest. Above the mission's max_usage, the work is
        stopped as if the mission had been cancelled. Raises InvalidRequest.
        """
        self._spending.add(unit, amount)

    # Signals, children and parking

    def signals(self, wait: float = 0.0) -> List[Signal]:
        """Returns the signals that have come since the last call, in order, first those from before this turn.

        With wait, it waits up to so many seconds for the first one. Those who sent them can see
        that they arrived. Raises Cancelled if the work is to stop.
        """
        self.check()
        self._inbox.wait(wait)
        self.check()
        for request in self._inbox.requests():
            self._inbox.fetched(self._insist("signals", request))
        signals = self._inbox.take()
        if signals:
            self._runner.beat_now()
        return signals

    def create(self, *specs: Mapping[str, Any]) -> List[Mission]:
        """Creates up to 1000 children of the mission, and returns them in order.

        A spec is a dict of the fields of :meth:`Client.create`, with name. Children are cancelled
        with their parent unless they are detached. A handler that runs once more creates other
        children, unless it gives them IDs of its own. To wait for them, return :class:`Park`.
        Raises the error of the first one that was refused; the others exist.
        """
        missions = [dict(spec) if spec.get("id") else {**spec, "id": new_id()} for spec in specs]
        outcomes = created_of(self._insist("create", {"missions": missions}))
        for outcome in outcomes:
            if outcome.error is not None:
                raise outcome.error
        return [outcome.mission for outcome in outcomes if outcome.mission is not None]

    def park(
        self,
        after: Sequence[Mapping[str, Any]] = (),
        *,
        timeout: Optional[float] = None,
        checkpoint: Any = None,
        prefer_self: float = 0,
    ) -> NoReturn:
        """Ends the handler, wherever it is, as returning a :class:`Park` of the same arguments does."""
        raise Parked(Park(after, timeout=timeout, checkpoint=checkpoint, prefer_self=prefer_self))

    # For the runner

    def _end(self, reason: str) -> None:
        with self._mutex:
            if self.reason is None:
                self.reason = reason
        self.cancelled.set()
        self._inbox.close()

    @property
    def _mine(self) -> bool:
        """Whether the mission is this agent's, as far as it knows."""
        return self.reason is None or self.reason == STOPPING

    def _renew(self, lease_end: float) -> None:
        self._lease_end = lease_end

    @property
    def _overdue(self) -> bool:
        return time.monotonic() > self._lease_end

    def _with_usage(self, body: JSON) -> JSON:
        return {**body, **self._spending.report()}

    def _send(self, verb: str, body: JSON) -> Any:
        reply = self._runner.ask(verb, {**self._ref, **body})
        self._spending.told(body)
        return reply

    def _try(self, verb: str, body: JSON) -> None:
        """Sends a report that may get lost."""
        try:
            self._send(verb, body)
        except errors.LeaseLost as error:
            self._lose(error)
        except errors.TooLarge:
            if verb != "log":
                raise
        except errors.InvalidRequest:
            raise
        except errors.MissionControlError as error:
            self._runner.trouble(f"{verb} of mission {self.id} is lost", error)

    def _insist(self, verb: str, body: JSON) -> Any:
        """Sends a request until it is answered or the lease is over."""
        while True:
            if not self._mine:
                raise errors.Cancelled(self.reason)
            try:
                return self._send(verb, body)
            except errors.LeaseLost as error:
                self._lose(error)
            except _FINAL:
                raise
            except errors.MissionControlError as error:
                self._runner.trouble(f"{verb} of mission {self.id} is not answered; sending it again", error)
                if self._overdue:
                    self._lose(error)
            self.cancelled.wait(_PAUSE) if self.reason is None else time.sleep(_PAUSE)

    def _lose(self, error: errors.MissionControlError) -> NoReturn:
        self._end(LEASE_LOST)
        self._runner.beat_now()
        raise errors.Cancelled(LEASE_LOST) from error

    def _send_usage(self) -> None:
        """Reports usage that no other report took along."""
        with self._reporting:
            body = self._spending.report()
            if body and self._mine:
                try:
                    self._insist("progress", body)
                except (errors.Cancelled, errors.MissionControlError) as error:
                    self._runner.trouble(f"usage of mission {self.id} is lost", error)

    def _acknowledge(self, must: bool) -> None:
        """Reports the signals that were taken: once the mission is no longer this agent's, nobody can."""
        while self._inbox.seen() and self._mine and not self._overdue:
            self._runner.beat()
            if not must:
                return
            if self._inbox.seen():
                time.sleep(_PAUSE)

    def _finish(self, verb: str, body: JSON) -> Optional[errors.MissionControlError]:
        """Reports the end of the work until it is answered or the lease is over. Returns a final refusal."""
        self._acknowledge(must=verb == "release")
        self._spending.close()
        try:
            with self._reporting:
                self._insist(verb, self._with_usage(body))
        except errors.Cancelled:
            return None
        except _FINAL as error:
            return error
        except errors.MissionControlError as error:
            self._runner.trouble(f"{verb} of mission {self.id} was not answered before its lease was over", error)
        return None
