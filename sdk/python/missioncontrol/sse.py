"""Server-sent events, as https://html.spec.whatwg.org/multipage/server-sent-events.html has them."""

from __future__ import annotations

from typing import Iterator, List, NamedTuple

from .transport import Stream


class ServerSentEvent(NamedTuple):
    """One event: its name, "message" by default, its data, and the ID of the last one that had one."""

    name: str
    data: str
    last_id: str


def read(stream: Stream) -> Iterator[ServerSentEvent]:
    """Yields the events of a stream until it ends. Raises Unreachable when it breaks."""
    name, last_id = "", ""
    data: List[str] = []
    while True:
        raw = stream.readline()
        if not raw.endswith(b"\n"):
            return  # an event that is not complete does not count
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        if not line:
            if data:
                yield ServerSentEvent(name or "message", "\n".join(data), last_id)
            name, data = "", []
            continue
        field, _, value = line.partition(":")
        value = value[1:] if value.startswith(" ") else value
        if field == "event":
            name = value
        elif field == "data":
            data.append(value)
        elif field == "id" and "\0" not in value:
            last_id = value
