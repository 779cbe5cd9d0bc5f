"""Every request of the client, against the supervisor at SUPERVISOR_URL: python3 -m unittest tests.live"""

from __future__ import annotations

import threading
import time
import unittest
from typing import List

from missioncontrol import Agent, Client, Event, Park, Task, after_batch, after_mission, errors

from .fake import Running


class LiveTest(unittest.TestCase):
    def setUp(self) -> None:
        self.client = Client(name="live-test")
        self.addCleanup(self.client.close)

    def test_missions(self) -> None:
        c = self.client
        made = c.create("first", type="nobody", data={"n": 2**63 + 1}, tags=["live"], priority="HIGH")
        self.assertEqual((made.status, made.data, made.priority, list(made.tags), made.ended), ("PENDING", {"n": 2**63 + 1}, "HIGH", ["live"], False))
        self.assertEqual(c.create("first", type="nobody", data={"n": 2**63 + 1}, tags=["live"], priority="HIGH", id=made.id).id, made.id)
        self.assertEqual(c.get(made.id).data, {"n": 2**63 + 1})
        self.assertEqual([one.id for one in c.list(tag="live", limit=1)], [made.id])
        self.assertEqual(c.signal(made.id, "hello", {"a": 1}), "stored")
        self.assertEqual(c.cancel(made.id, "not needed").status, "CANCELLED")
        self.assertEqual(c.wait(made.id, timeout=5).status, "CANCELLED")
        with self.assertRaises(errors.Conflict):
            c.cancel(made.id)
        self.assertEqual(c.retry(made.id).status, "PENDING")
        self.assertIn("CANCELLED", [entry.get("new_status") for entry in c.log(made.id)])
        self.assertEqual(c.graph(made.id)["missions"][0]["id"], made.id)
        self.assertEqual(c.bulk("cancel", {"tag": "live"})["changed"], 1)
        self.assertEqual(c.delete(made.id).id, made.id)
        with self.assertRaises(errors.NotFound):
            c.get(made.id)
        with self.assertRaises(errors.InvalidRequest) as raised:
            c.create("typo", typ="x")
        self.assertEqual(raised.exception.field, "typ")
        with self.assertRaises(errors.Timeout):
            c.wait(c.create("waits", type="nobody").id, timeout=0.2)

    def test_many_missions(self) -> None:
        specs = [{"name": f"n{n}", "type": "many", "batch": "b1"} for n in range(1100)] + [{"name": ""}]
        created = self.client.create_many(specs, close_batch=False)
        self.assertEqual(sum(one.created for one in created), 1100)
        self.assertIsInstance(created[-1].error, errors.InvalidRequest)
        self.client.close_batch("b1")
        ids = [one.mission.id for one in created if one.mission]
        with self.assertRaises(errors.Timeout):
            self.client.wait_many(ids[:2], until="any", timeout=0.2)
        with Running(Agent(handlers={"many": lambda task: task.mission.name}, capacity=16)):
            self.assertTrue(self.client.wait_many(ids[:100], until="any", timeout=60))
            done = self.client.wait_many(ids, timeout=60)
        self.assertEqual([one.result for one in done], [f"n{n}" for n in range(1100)])
        self.assertEqual(self.client.batch("b1")["by_status"]["COMPLETED"], 1100)
        self.assertIn("b1", [one["id"] for one in self.client.batches()])

    def test_the_supervisor(self) -> None:
        c = self.client
        self.assertEqual(c.health()["checks"]["store"]["status"], "ok")
        self.assertIn("total_missions", c.status())
        self.assertIn("windows", c.stats())
        c.set_limit("live", total=3, note="of the test")
        self.assertEqual([one["total"] for one in c.limits() if one["name"] == "live"], [3])
        self.assertEqual(c.delete_limit("live")["name"], "live")
        c.set_schedule("live", every_seconds=86400, mission={"name": "daily", "type": "nobody"})
        self.assertIn("live", [one["id"] for one in c.schedules()])
        self.assertEqual(c.trigger("live").name, "daily")
        self.assertEqual(c.delete_schedule("live")["id"], "live")
        with Running(Agent(id="live-1", handlers={"unused": lambda task: 1}, labels={"zone": "b"})):
            deadline = time.monotonic() + 30
            while not list(c.agents(type="unused")) and time.monotonic() < deadline:
                time.sleep(0.05)
            self.assertEqual([one["id"] for one in c.agents(type="unused")], ["live-1"])

    def test_events(self) -> None:
        got: List[Event] = []
        connected, done = threading.Event(), threading.Event()

        def follow() -> None:
            for event in self.client.events(["mission.>"], on_notice=lambda notice: connected.set()):
                got.append(event)
                if event.payload.get("new_status") == "CANCELLED":
                    return done.set()

        threading.Thread(target=follow, daemon=True).start()
        self.assertTrue(connected.wait(30))
        made = self.client.create("told", type="told")
        self.client.cancel(made.id)
        self.assertTrue(done.wait(30))
        mine = [event for event in got if event.payload["mission_id"] == made.id]
        self.assertEqual([event.type for event in mine], ["mission.created", "mission.status_changed"])
        again = self.client.events(["mission.>"], mission=made.id, after=mine[0].position)
        self.assertEqual(next(again).id, mine[1].id)

    def test_children_and_batches_of_an_agent(self) -> None:
        def parent(task: Task) -> object:
            ids = task.restore()
            if ids is None:
                specs = [{"id": f"{task.id}-{n}", "name": f"c{n}", "type": "child", "data": {"n": n}} for n in range(3)]
                ids = [child.id for child in task.create(*specs)]
                return Park([after_mission(id) for id in ids], checkpoint=ids)
            return sum(task.input(id)["result"] for id in ids)

        def gather(task: Task) -> object:
            return task.input(task.data["batch"])["result"]["by_status"]["COMPLETED"]

        with Running(Agent(handlers={"parent": parent, "child": lambda task: task.data["n"] * 10, "gather": gather}, capacity=4)):
            made = self.client.create("sums", type="parent")
            self.client.create("x", type="child", batch="b2", data={"n": 1})
            self.client.close_batch("b2")
            last = self.client.create("gathers", type="gather", after=[after_batch("b2", ended=True)], data={"batch": "b2"})
            self.assertEqual([self.client.wait(id, timeout=60).result for id in (made.id, last.id)], [30, 1])

    def test_usage_ends_a_mission(self) -> None:
        stopped = threading.Event()

        def spend(task: Task) -> None:
            task.usage("usd", 3)
            task.cancelled.wait(60)
            stopped.set()

        with Running(Agent(handlers={"spend": spend})):
            made = self.client.create("spends", type="spend", max_usage={"usd": 2})
            self.assertEqual(self.client.wait(made.id, timeout=60).status, "FAILED")
            self.assertTrue(stopped.wait(60))

    def test_a_large_result_and_what_is_too_large(self) -> None:
        def large(task: Task) -> str:
            return "ä" * (task.data["bytes"] // 2)

        with Running(Agent(handlers={"large": large})):
            fits, fails = (self.client.create("l", type="large", data={"bytes": size}).id for size in (500_000, 600_000))
            self.assertEqual(len(self.client.wait(fits, timeout=60).result), 250_000)
            self.assertIn("too_large", str(self.client.wait(fails, timeout=60).error))
