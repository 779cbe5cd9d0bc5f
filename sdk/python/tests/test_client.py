from __future__ import annotations

import json
import queue
import threading
import unittest
from typing import Any, Dict, List

from missioncontrol import Client, Created, Event, Notice, errors

from .fake import NOTHING, Fake, refusal


def mission(id: str, status: str = "COMPLETED", **fields: Any) -> Dict[str, Any]:
    return {"id": id, "name": id, "status": status, "unknown_to_us": 1, **fields}


class ClientTest(unittest.TestCase):
    def setUp(self) -> None:
        self.fake = Fake()
        self.addCleanup(self.fake.close)
        self.client = Client(self.fake.url)
        self.addCleanup(self.client.close)

    def test_create_is_repeated_with_the_same_id(self) -> None:
        answers = [NOTHING, refusal(503, "unavailable"), refusal(429, "overloaded")]
        self.fake.scripts["/api/missions"] = lambda body: answers.pop(0) if answers else {"mission": mission(body["id"]), "created": True}
        made = self.client.create("a", type="t", data={"n": 2**70})
        bodies = self.fake.told("/api/missions")
        self.assertEqual(len(bodies), 4)
        self.assertEqual([body for body in bodies if body != bodies[0]], [])
        self.assertEqual((made.id, bodies[0]["data"]["n"], made.raw["unknown_to_us"]), (bodies[0]["id"], 2**70, 1))

    def test_what_cannot_be_repeated_is_sent_once(self) -> None:
        answers: List[Any] = [NOTHING]
        self.fake.scripts["/api/missions/m1/cancel"] = lambda body: answers.pop(0) if answers else {"mission": mission("m1", "CANCELLED")}
        with self.assertRaises(errors.Unreachable):
            self.client.cancel("m1", "no longer needed")
        self.assertEqual(self.fake.told("/api/missions/m1/cancel"), [{"reason": "no longer needed"}])
        answers += [refusal(503, "unavailable", nothing_done=True)]
        self.assertEqual(self.client.cancel("m1").status, "CANCELLED")

    def test_patience_ends(self) -> None:
        self.fake.scripts["/api/missions/m1"] = lambda body: refusal(503, "unavailable")
        with Client(self.fake.url, patience=0.2) as client, self.assertRaises(errors.Unavailable):
            client.get("m1")
        self.assertGreater(len(self.fake.told("/api/missions/m1")), 1)

    def test_many_are_created_a_thousand_at_a_time_and_batches_closed_last(self) -> None:
        def create(body: Any) -> Any:
            return {"results": [{"error": {"code": "conflict", "message": "x"}} if one["name"] == "7" else
                                {"mission": {"id": one["id"], "status": "PENDING"}, "created": True} for one in body["missions"]]}  # fmt: skip

        self.fake.scripts["/api/missions"] = create
        self.fake.scripts["/api/batches/first/close"] = lambda body: {}
        outcomes = self.client.create_many(
            [{"name": str(n), "id": f"i{n}", "batch": "first" if n < 1000 else "second"} for n in range(1500)], close_batch=True
        )
        self.assertEqual([len(body["missions"]) for body in self.fake.told("/api/missions")], [1000, 500])
        self.assertEqual(["close_batch" in body for body in self.fake.told("/api/missions")], [False, True])
        self.assertEqual(len(self.fake.told("/api/batches/first/close")), 1)
        self.assertIsInstance(outcomes[7].error, errors.Conflict)
        self.assertEqual([one.mission.id for one in outcomes if one.mission][-1], "i1499")
        self.assertIsInstance(outcomes[0], Created)

    def test_pages_follow_each_other(self) -> None:
        self.fake.scripts["/api/missions?status=FAILED"] = lambda body: {"missions": [mission("a")], "next_cursor": "c 1"}
        self.fake.scripts["/api/missions?status=FAILED&cursor=c+1"] = lambda body: {"missions": [mission("b")]}
        self.assertEqual([one.id for one in self.client.list(status="FAILED")], ["a", "b"])

    def test_wait_goes_on_after_a_timeout_of_the_request(self) -> None:
        answers = [refusal(408, "timeout")]

        def wait(body: Any) -> Any:
            return answers.pop(0) if answers else {"mission": mission("m1", result=2**80)}

        self.fake.scripts["/api/missions/m1/wait?timeout_seconds=50.0"] = wait
        self.assertEqual(self.client.wait("m1").result, 2**80)

    def test_wait_has_an_end(self) -> None:
        self.fake.answer = lambda name, body: refusal(408, "timeout")  # type: ignore[method-assign]
        with self.assertRaises(errors.Timeout):
            self.client.wait("m1", timeout=0.1)

    def test_wait_many_waits_for_a_hundred_at_a_time(self) -> None:
        begun: List[Any] = []

        def wait(body: Any) -> Any:
            begun.append(len(body["ids"]))
            return {"missions": [mission(id) for id in body["ids"]], "done": len(begun) != 1}

        self.fake.scripts["/api/missions/wait"] = wait
        ids = [f"m{n}" for n in range(150)]
        self.assertEqual([one.id for one in self.client.wait_many(ids)], ids)
        self.assertEqual(begun, [100, 100, 50])
        with self.assertRaises(errors.InvalidRequest):
            self.client.wait_many(ids, until="any")
        with self.assertRaises(errors.InvalidRequest):
            self.client.wait_many(ids, until="some")

    def test_a_signal_is_accepted_once(self) -> None:
        answers = [NOTHING]
        self.fake.scripts["/api/missions/m1/signal"] = lambda body: answers.pop(0) if answers else {"seq": 1, "delivered": "waiting"}
        self.assertEqual(self.client.signal("m1", "approved", "yes"), "waiting")
        first, second = self.fake.told("/api/missions/m1/signal")
        self.assertEqual(first, second)
        self.assertTrue(first["signal_id"])

    def test_ids_cannot_leave_their_path(self) -> None:
        self.fake.scripts["/api/missions/..%2Fx%3Fy"] = lambda body: {"mission": mission("m1")}
        self.assertEqual(self.client.get("../x?y").id, "m1")


class EventsTest(unittest.TestCase):
    def setUp(self) -> None:
        self.fake = Fake()
        self.addCleanup(self.fake.close)
        self.paths: queue.Queue[str] = queue.Queue()

    def script(self, *streams: bytes) -> None:
        left = list(streams)
        ask = self.fake.answer

        def answer(name: str, body: Any) -> Any:
            if not name.startswith("/api/events"):
                return ask(name, body)
            self.paths.put(name)
            return (200, left.pop(0)) if left else NOTHING

        self.fake.answer = answer  # type: ignore[method-assign]

    def event(self, position: int) -> bytes:
        envelope = {"id": "u", "type": "mission.created", "source": "s", "target": None, "timestamp": 1.5, "payload": {"n": position}, "meta": {}}
        return f"id: {position}\r\nevent: message\r\ndata: {json.dumps(envelope)}\r\n\r\n".encode()

    def test_events_go_on_behind_the_last_one(self) -> None:
        notices: List[Notice] = []
        gap = b'event: gap\ndata: {"missed":3}\n\n'
        self.script(b": still here\n\n" + self.event(4) + self.event(5) + b"data: half", gap + self.event(9))
        with Client(self.fake.url) as client:
            events = client.events(["mission.>"], mission="m1", on_notice=notices.append)
            got = [next(events) for _ in range(3)]
        self.assertEqual([(one.position, one.payload["n"]) for one in got], [("4", 4), ("5", 5), ("9", 9)])
        self.assertIsInstance(got[0], Event)
        self.assertEqual(notices, [Notice("gap", {"missed": 3})])
        self.assertNotIn("after", self.paths.get())
        self.assertIn("after=5", self.paths.get())

    def test_a_refusal_raises(self) -> None:
        self.fake.answer = lambda name, body: refusal(400, "invalid_request", field="type")  # type: ignore[method-assign]
        with Client(self.fake.url) as client, self.assertRaises(errors.InvalidRequest):
            next(client.events(["no type"]))

    def test_events_of_a_time_without_a_connection_are_not_left_out(self) -> None:
        self.script(b": still here\n\n", self.event(1))
        with Client(self.fake.url) as client:
            next(client.events())
        self.assertNotIn("since", self.paths.get())
        self.assertIn("since=", self.paths.get())


class ConcurrencyTest(unittest.TestCase):
    def test_threads_share_a_client(self) -> None:
        fake = Fake()
        self.addCleanup(fake.close)
        fake.answer = lambda name, body: {"mission": mission(name.rsplit("/", 1)[1])}  # type: ignore[method-assign]
        wrong: List[str] = []
        with Client(fake.url) as client:

            def ask(first: int) -> None:
                for n in range(first, first + 20):
                    if client.get(str(n)).id != str(n):
                        wrong.append(str(n))

            threads = [threading.Thread(target=ask, args=(n * 20,)) for n in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.assertEqual(wrong, [])
        self.assertEqual(len(fake.requests), 160)
