"""A client for those who create missions and watch them."""

from __future__ import annotations

import time
from typing import Any, Callable, Iterable, Iterator, List, Mapping, Optional, Sequence
from urllib.parse import quote

from . import errors
from .events import Event, Notice, watch
from .model import JSON, Created, Mission, new_id
from .transport import Transport

# How many missions one request may create, and how many one may wait for.
_MOST_CREATED = 1000
_MOST_WAITED_FOR = 100

# How long one request waits, in seconds: proxies close a connection after a silent minute.
_WAIT_SECONDS = 50.0


class Client:
    """Sends requests to a supervisor over HTTP. Its methods may be called concurrently.

    The arguments are those of :class:`Transport`. patience is for how many seconds a request is
    sent again if there is no reply, or if the supervisor is overloaded or unavailable; only
    requests that can be repeated without harm are. Every method raises
    :class:`MissionControlError`.

        with Client() as client:
            mission = client.create("resize cat.png", type="resize", data={"width": 80})
            print(client.wait(mission.id, timeout=60).result)
    """

    def __init__(
        self,
        url: Optional[str] = None,
        *,
        token: Optional[str] = None,
        ca_file: Optional[str] = None,
        proxies: bool = True,
        name: str = "missioncontrol-python",
        patience: float = 10.0,
    ) -> None:
        self._transport = Transport(url, token=token, ca_file=ca_file, proxies=proxies, name=name)
        self.patience = patience

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the client's connections."""
        self._transport.close()

    # Missions

    def create(self, name: str, **fields: Any) -> Mission:
        """Creates a mission. fields are those of the protocol: type, data, priority, after and so on.

        Without an id, the mission gets a new one. With an id that exists already with the same
        content, this returns the mission that exists; and with a unique key that another mission
        holds, it can return that one.
        """
        spec = _with_id(dict(fields, name=name))
        return Mission.of(self._repeat("POST", "/api/missions", spec)["mission"])

    def create_many(self, specs: Iterable[Mapping[str, Any]], *, close_batch: bool = False) -> List[Created]:
        """Creates missions, a thousand in a request, and returns the outcome of each, in order.

        A spec is a dict of the fields of :meth:`create`, with name. With close_batch, the batches
        that the missions name are closed once all are created. If a spec has an unknown field or a
        value of the wrong type, none of its thousand is created, and this raises; after any error
        it is safe to call again if each spec has an id.
        """
        all_specs = [_with_id(spec) for spec in specs]
        outcomes: List[Created] = []
        for start in range(0, len(all_specs), _MOST_CREATED):
            part = all_specs[start : start + _MOST_CREATED]
            body: JSON = {"missions": part}
            if close_batch and start + len(part) == len(all_specs):
                body["close_batch"] = True
            outcomes += created_of(self._repeat("POST", "/api/missions", body))
        if close_batch:
            self._close_batches(all_specs)
        return outcomes

    def _close_batches(self, specs: List[JSON]) -> None:
        """Closes the batches that only earlier requests of a create_many named."""
        last = len(specs) - 1 - (len(specs) - 1) % _MOST_CREATED
        closed = {spec.get("batch") for spec in specs[last:]}
        for batch in sorted({spec["batch"] for spec in specs[:last] if spec.get("batch")} - closed):
            self.close_batch(batch)

    def get(self, mission: str) -> Mission:
        """Returns a mission by its id."""
        return Mission.of(self._repeat("GET", _path("missions", mission))["mission"])

    def list(self, **filters: Any) -> Iterator[Mission]:
        """Yields the missions that match, newest first, asking for further pages as needed.

        filters are those of the protocol: status, type, agent_id, tag, text, batch, key and so on;
        limit is how many missions one page has.
        """
        yield from map(Mission.of, self._pages("/api/missions", "missions", "cursor", filters))

    def wait(self, mission: str, timeout: Optional[float] = None) -> Mission:
        """Returns a mission once it has ended. Raises Timeout after timeout seconds, if there is one."""
        end = _deadline(timeout)
        while True:
            seconds = _seconds_until(end)
            try:
                reply = self._repeat("GET", _path("missions", mission, "wait"), query={"timeout_seconds": seconds}, wait=seconds)
                return Mission.of(reply["mission"])
            except errors.Timeout:
                if end is not None and time.monotonic() >= end:
                    raise

    def wait_many(self, missions: Sequence[str], *, until: str = "all", timeout: Optional[float] = None) -> List[Mission]:
        """Returns these missions, in this order, once all of them have ended; until="any": at least one of at most 100.

        Raises Timeout after timeout seconds, if there is one.
        """
        ids = list(missions)
        if until not in ("all", "any"):
            raise errors.InvalidRequest('until is neither "all" nor "any"', field="until")
        if until == "any" and len(ids) > _MOST_WAITED_FOR:
            raise errors.InvalidRequest(f"ids has more than {_MOST_WAITED_FOR} ids to wait for any of", field="ids")
        end = _deadline(timeout)
        found: List[Mission] = []
        for start in range(0, len(ids), _MOST_WAITED_FOR):
            found += self._wait_for(ids[start : start + _MOST_WAITED_FOR], until, end)
        return found

    def _wait_for(self, ids: List[str], until: str, end: Optional[float]) -> List[Mission]:
        while True:
            seconds = _seconds_until(end)
            body = {"ids": ids, "until": until, "timeout_seconds": seconds}
            reply = self._repeat("POST", "/api/missions/wait", body, wait=seconds)
            if reply["done"]:
                return [Mission.of(mission) for mission in reply["missions"]]
            if end is not None and time.monotonic() >= end:
                raise errors.Timeout(f"{until} of the {len(ids)} missions did not end in time")

    def cancel(self, mission: str, reason: str = "") -> Mission:
        """Cancels a mission. Raises Conflict if it has ended."""
        body = {"reason": reason} if reason else {}
        return Mission.of(self._once("POST", _path("missions", mission, "cancel"), body)["mission"])

    def retry(self, mission: str, *, fresh: bool = False, dependents: bool = False) -> Mission:
        """Puts a FAILED or CANCELLED mission back to PENDING.

        With fresh, without its checkpoint; with dependents, also the missions that were cancelled
        because this one did not complete.
        """
        body = {name: True for name, wanted in (("fresh", fresh), ("dependents", dependents)) if wanted}
        return Mission.of(self._once("POST", _path("missions", mission, "retry"), body)["mission"])

    def delete(self, mission: str) -> Mission:
        """Deletes a mission that is not RUNNING, and returns it as it was."""
        return Mission.of(self._once("DELETE", _path("missions", mission))["mission"])

    def signal(self, mission: str, name: str, data: Any = None, *, signal_id: Optional[str] = None) -> str:
        """Sends a signal to a mission: an approval, an answer, a new instruction.

        Returns what became of it: "waiting" if the mission waited for it, "running" if its agent is
        told, or "stored". A signal_id is accepted once.
        """
        body = {"name": name, "data": data, "signal_id": signal_id or new_id()}
        delivered: str = self._repeat("POST", _path("missions", mission, "signal"), body)["delivered"]
        return delivered

    def log(self, mission: str) -> Iterator[JSON]:
        """Yields the entries of a mission's log, oldest first: timestamp, level, message, data, by and so on."""
        yield from self._pages(_path("missions", mission, "log"), "log", "after", {})

    def graph(self, mission: str) -> JSON:
        """Returns the missions before and behind a mission, and what connects them."""
        return self._get(_path("missions", mission, "graph"))

    def bulk(self, action: str, filter: Mapping[str, Any], **fields: Any) -> JSON:
        """Cancels, retries, deletes or signals a page of the missions that match. See the protocol's "Many missions"."""
        return self._dict(self._once("POST", "/api/missions/bulk", dict(fields, action=action, filter=dict(filter))))

    # The supervisor, agents and statistics

    def health(self) -> JSON:
        """Returns the health of the supervisor, its version and its features."""
        return self._get("/api/supervisor/health")

    def status(self) -> JSON:
        """Returns the counts of missions and agents."""
        return self._get("/api/supervisor/status")

    def agents(self, **filters: Any) -> Iterator[JSON]:
        """Yields the agents that match state and type, by id."""
        yield from self._pages("/api/supervisor/agents", "agents", "cursor", filters)

    def stats(self, type: Optional[str] = None) -> JSON:
        """Returns the statistics of all missions, or of one type."""
        return self._dict(self._get("/api/missions/stats", type=type)["stats"])

    # Batches, limits and schedules

    def batch(self, batch: str) -> JSON:
        """Returns how far a batch is: open, total, by_status, ended_at."""
        return self._get(_path("batches", batch))

    def batches(self) -> Iterator[JSON]:
        """Yields all batches, those created last first."""
        yield from self._pages("/api/batches", "batches", "cursor", {})

    def close_batch(self, batch: str) -> JSON:
        """Closes a batch: it ends once its missions have."""
        return self._dict(self._repeat("POST", _path("batches", batch, "close"), {}))

    def limits(self) -> Iterator[JSON]:
        """Yields all limits, by name."""
        yield from self._pages("/api/limits", "limits", "cursor", {})

    def set_limit(self, limit: str, **fields: Any) -> JSON:
        """Sets a limit to these fields, such as total, per_key, rate and paused, and returns it."""
        return self._dict(self._repeat("PUT", _path("limits", limit), fields))

    def delete_limit(self, limit: str) -> JSON:
        """Deletes a limit, and returns it as it was."""
        return self._dict(self._once("DELETE", _path("limits", limit)))

    def schedules(self) -> Iterator[JSON]:
        """Yields all schedules, by id."""
        yield from self._pages("/api/schedules", "schedules", "cursor", {})

    def set_schedule(self, schedule: str, **fields: Any) -> JSON:
        """Sets a schedule to these fields, such as cron, time_zone and mission, and returns it."""
        return self._dict(self._repeat("PUT", _path("schedules", schedule), fields))

    def trigger(self, schedule: str) -> Mission:
        """Creates a mission of a schedule now, or returns its latest one if that has not ended."""
        return Mission.of(self._once("POST", _path("schedules", schedule, "trigger"), {})["mission"])

    def delete_schedule(self, schedule: str) -> JSON:
        """Deletes a schedule, and returns it as it was. Its missions stay."""
        return self._dict(self._once("DELETE", _path("schedules", schedule)))

    # Events

    def events(
        self,
        types: Sequence[str] = (),
        *,
        mission: Optional[str] = None,
        agent: Optional[str] = None,
        since: Optional[float] = None,
        after: Optional[str] = None,
        on_notice: Optional[Callable[[Notice], None]] = None,
    ) -> Iterator[Event]:
        """Yields events as they are stored, for ever, across reconnects without gaps or duplicates.

        types may have NATS wildcards: ["mission.>"]. mission and agent select events about one,
        since, in Unix seconds, and after, the position of an event, say where to start; by default
        with those that are stored from now on. on_notice is told about the state of the event
        stream, and of events that are missing because more than 10,000 were stored while there was
        no connection; by default, a gap is logged. An invalid request raises.
        """
        query: JSON = {"type": ",".join(types) or None, "mission_id": mission, "agent_id": agent, "since": since, "after": after}
        return watch(self._transport, query, on_notice)

    # Requests

    def _once(self, method: str, path: str, body: Any = None) -> Any:
        return self._send(method, path, body, None, 0, repeatable=False)

    def _repeat(self, method: str, path: str, body: Any = None, *, query: Optional[JSON] = None, wait: float = 0) -> Any:
        return self._send(method, path, body, query, wait, repeatable=True)

    def _send(self, method: str, path: str, body: Any, query: Optional[JSON], wait: float, *, repeatable: bool) -> Any:
        end, pause = time.monotonic() + self.patience, 0.1
        while True:
            try:
                return self._transport.request(method, path, body, query=query, timeout=wait + 30)
            except (errors.Unavailable, errors.Overloaded) as error:
                again = repeatable or error.nothing_done or isinstance(error, errors.Overloaded)
                if not again or time.monotonic() + pause > end:
                    raise
            time.sleep(pause)
            pause = min(2 * pause, 2.0)

    def _get(self, path: str, **query: Any) -> JSON:
        return self._dict(self._repeat("GET", path, query=query))

    def _dict(self, reply: Any) -> JSON:
        if not isinstance(reply, dict):
            raise errors.MissionControlError("the reply is no JSON object")
        return reply

    def _pages(self, path: str, items: str, cursor: str, query: Mapping[str, Any]) -> Iterator[JSON]:
        query = dict(query)
        while True:
            page = self._get(path, **query)
            yield from page[items]
            if not page.get("next_cursor"):
                return
            query[cursor] = page["next_cursor"]


def created_of(reply: Any) -> List[Created]:
    """Returns the outcomes in the reply to a creation of many."""
    return [
        Created(
            mission=Mission.of(one["mission"]) if one.get("mission") else None,
            created=bool(one.get("created")),
            error=errors.from_reply(one["error"], 0) if one.get("error") else None,
        )
        for one in reply["results"]
    ]


def _path(*names: str) -> str:
    return "/api/" + "/".join(quote(str(name), safe="") for name in names)


def _with_id(spec: Mapping[str, Any]) -> JSON:
    return dict(spec) if spec.get("id") else {**spec, "id": new_id()}


def _deadline(timeout: Optional[float]) -> Optional[float]:
    return None if timeout is None else time.monotonic() + timeout


def _seconds_until(end: Optional[float]) -> float:
    """How long the next request may wait: at least a little, since 0 is not valid."""
    return _WAIT_SECONDS if end is None else min(_WAIT_SECONDS, max(0.05, end - time.monotonic()))
