"""The signals of a task."""

from __future__ import annotations

import threading
from typing import Any, Iterator, List, Mapping

from .model import JSON, Signal


class Inbox:
    """Signals that have come and were not taken. Its methods may be called concurrently."""

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._changed = threading.Condition()
        self._queue: List[Signal] = []
        self._told = 0  # the number of the last one that the supervisor has told of
        self._fetched = 0  # of the last one that was read
        self._taken = 0  # of the last one that the handler has taken
        self._acked = 0  # of the last one that the supervisor knows to be taken
        self._closed = False
        carried = raw.get("signals") or []
        if not carried:
            return
        self._told, last = carried[-1]["seq"], carried[-1]["seq"]
        if "signals" in (raw.get("trimmed") or ()) or any(one.get("data_left_out") for one in carried):
            last = carried[0]["seq"] - 1  # the claim had no room for their data
        else:
            self._queue = [Signal.of(one) for one in carried]
        self._fetched = last

    def tell(self, seq: int) -> None:
        """Notes that the mission has signals up to a number."""
        with self._changed:
            self._told = max(self._told, seq)
            self._changed.notify_all()

    def close(self) -> None:
        """Ends every wait."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wait(self, seconds: float) -> None:
        """Waits until there is a signal to take or to read, or the inbox is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or bool(self._queue or self._told > self._fetched), max(0.0, seconds))

    def requests(self) -> Iterator[JSON]:
        """Yields requests for signals until all that the supervisor has told of were read."""
        while True:
            with self._changed:
                if self._told <= self._fetched:
                    return
                after = self._fetched
            yield {"after": after} if after else {}

    def fetched(self, page: Mapping[str, Any]) -> None:
        """Adds what a request has returned, without signals that an agent has seen before."""
        signals = page.get("signals") or []
        with self._changed:
            self._queue += [Signal.of(one) for one in signals if one["seq"] > self._fetched and not one.get("seen_at")]
            last = signals[-1]["seq"] if signals else 0
            self._fetched = max(self._fetched, last)
            if not page.get("more"):
                self._told = min(self._told, self._fetched)  # there are no others

    def take(self) -> List[Signal]:
        """Returns the signals that have come."""
        with self._changed:
            taken, self._queue = self._queue, []
            if taken:
                self._taken = taken[-1].seq
            return taken

    def seen(self) -> int:
        """Returns the number that a heartbeat has to report as seen, 0 if there is none."""
        with self._changed:
            return self._taken if self._taken > self._acked else 0

    def acknowledged(self, seq: int) -> None:
        """Notes that a heartbeat has reported what was taken, up to a number."""
        with self._changed:
            self._acked = max(self._acked, seq)
