"""Events from the supervisor's stream, as an iterator."""

from __future__ import annotations

import logging
import random
import time
from dataclasses import dataclass
from typing import Any, Callable, Iterator, Mapping, NamedTuple, Optional

from . import encoding, errors, sse
from .model import JSON
from .transport import Transport

# Every 15 seconds there is at least a comment.
_SILENCE_SECONDS = 45.0

_log = logging.getLogger("missioncontrol")


@dataclass(frozen=True)
class Event:
    """A Charter event. position is its place in the stream, for the after of the next watch."""

    position: str
    id: str
    type: str
    source: str
    target: Optional[str]
    timestamp: float
    payload: JSON
    meta: JSON


class Notice(NamedTuple):
    """What is told beside events: kind is "connected", "degraded" or "gap"."""

    kind: str
    data: JSON


def watch(transport: Transport, query: Mapping[str, Any], on_notice: Optional[Callable[[Notice], None]] = None) -> Iterator[Event]:
    """Yields events, and connects again behind the last one whenever the connection ends."""
    notify = on_notice or _log_gap
    since, last = query.get("since"), query.get("after")
    while True:
        asked = dict(query, after=last, since=None if last else since)
        try:
            stream = transport.stream("/api/events", query=asked, timeout=_SILENCE_SECONDS, headers={})
        except (errors.Unavailable, errors.Overloaded, errors.Internal):
            time.sleep(random.uniform(0.5, 1.0))
            continue
        since = since or stream.began  # events of a time without a connection are not left out
        try:
            for one in sse.read(stream):
                if one.name == "message":
                    last = one.last_id or last
                    yield _event(one)
                else:
                    notify(Notice(one.name, encoding.decode(one.data.encode())))
        except errors.Unreachable:
            pass
        finally:
            stream.close()
        time.sleep(random.uniform(0.1, 0.25))


def _event(one: sse.ServerSentEvent) -> Event:
    raw = encoding.decode(one.data.encode())
    names = ("id", "type", "source", "target", "timestamp", "payload", "meta")
    return Event(one.last_id, *(raw[name] for name in names))


def _log_gap(notice: Notice) -> None:
    if notice.kind == "gap":
        _log.warning("%s events are missing", notice.data.get("missed"))
