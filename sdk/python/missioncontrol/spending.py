"""What a task has used in its turn."""

from __future__ import annotations

import math
import re
import threading
from typing import Any, Callable, Dict, Mapping, Optional

from .errors import InvalidRequest
from .model import JSON

# How long usage waits for another report to go with, in seconds.
_DELAY = 0.5

_MOST_UNITS = 8
_MOST = 10.0**15


class Spending:
    """Sums of units. Its methods may be called concurrently."""

    def __init__(self, before: Mapping[str, Any], send: Callable[[], None]) -> None:
        self._mutex = threading.Lock()
        self._before, self._send = dict(before), send
        self._total: Dict[str, float] = {}
        self._told: Dict[str, float] = {}
        self._timer: Optional[threading.Timer] = None
        self._closed = False

    def add(self, unit: str, amount: float) -> None:
        """Adds an amount, and has it reported soon. Raises InvalidRequest, and adds nothing then."""
        if not isinstance(unit, str) or not re.fullmatch(r"[a-z0-9_]{1,32}", unit):
            raise InvalidRequest(f"usage has the unit {unit!r}, which is not 1 to 32 of a-z, 0-9 and _", field="usage")
        number = isinstance(amount, (int, float)) and not isinstance(amount, bool)
        if not number or not math.isfinite(amount) or amount < 0:
            raise InvalidRequest(f"usage.{unit} is {amount!r}, which is not a number from 0 on", field="usage")
        with self._mutex:
            if len(set(self._before) | set(self._total) | {unit}) > _MOST_UNITS:
                raise InvalidRequest(f"usage has more than {_MOST_UNITS} units", field="usage")
            total = self._total.get(unit, 0) + amount
            if total > _MOST:
                raise InvalidRequest(f"usage.{unit} is more than 10^15", field="usage")
            self._total[unit] = total
            if self._timer is None and not self._closed:
                self._timer = threading.Timer(_DELAY, self._flush)
                self._timer.daemon = True
                self._timer.start()

    def _flush(self) -> None:
        with self._mutex:
            self._timer = None
        self._send()

    def report(self) -> JSON:
        """Returns the field of a report, {} if there is nothing that the supervisor does not know."""
        with self._mutex:
            return {} if self._total == self._told else {"usage": dict(self._total)}

    def told(self, body: JSON) -> None:
        """Notes that a report was answered."""
        if "usage" in body:
            with self._mutex:
                self._told = dict(body["usage"])

    def close(self) -> None:
        """Leaves the rest to the last report."""
        with self._mutex:
            self._closed = True
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
