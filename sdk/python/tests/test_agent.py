from __future__ import annotations

import threading
import unittest
from typing import Any, Callable, Dict, List, Optional

from missioncontrol import Agent, Cancelled, Park, Permanent, RetryAfter, Signal, Task, after_mission, after_signal, errors

from .fake import NOTHING, PATIENCE, Fake, Running, refusal


class AgentTest(unittest.TestCase):
    def setUp(self) -> None:
        self.fake = Fake()
        self.addCleanup(self.fake.close)
        self.hold = threading.Event()
        self.addCleanup(self.hold.set)

    def run_agent(self, handler: Callable[[Task], Any], **settings: Any) -> Running:
        return Running(Agent(self.fake.url, id="py-1", handlers={"work": handler}, **settings))

    def outcome(self, handler: Callable[[Task], Any], verb: str, **mission: Any) -> Dict[str, Any]:
        """Returns the report on one mission."""
        self.fake.give(**mission)
        with self.run_agent(handler):
            body: Dict[str, Any] = self.fake.wait_told(verb)[0]
        self.assertEqual((body.pop("mission_id"), body.pop("lease")), ("m1", 1))
        return body

    def beats(self, condition: Callable[[Dict[str, Any]], Any]) -> Any:
        return self.fake.wait("the heartbeat", lambda: [body for body in self.fake.told("heartbeat") if condition(body)])

    # Outcomes

    def test_a_result_is_reported(self) -> None:
        self.assertEqual(self.outcome(lambda task: {"n": task.data["n"] + 1}, "complete", data={"n": 2**70}), {"result": {"n": 2**70 + 1}})
        registration = self.fake.told("register")[0]
        self.assertEqual((registration["name"], registration["types"], registration["capacity"]), ("py-1", ["work"], 1))
        self.assertEqual(self.fake.requests[0][0], "register")

    def test_none_is_no_result(self) -> None:
        self.assertEqual(self.outcome(lambda task: None, "complete"), {})

    def test_exceptions_are_failures(self) -> None:
        def fails(error: BaseException) -> Callable[[Task], Any]:
            def handler(task: Task) -> Any:
                raise error

            return handler

        for error, body in (
            (ValueError("bad"), {"error": "ValueError: bad", "retryable": True}),
            (KeyError(), {"error": "KeyError", "retryable": True}),
            (SystemExit("no"), {"error": "SystemExit: no", "retryable": True}),
            (Permanent("never"), {"error": "never", "retryable": False}),
            (RetryAfter(30, "later"), {"error": "later", "retryable": True, "retry_after_seconds": 30.0}),
            (RetryAfter(1e12, limit="openai"), {"error": "to be tried again in 1e+12 s", "retryable": True,
                                                "retry_after_seconds": 366 * 86400.0, "limit": "openai"}),
            (Cancelled("mine"), {"error": "mine", "retryable": True}),
            (Permanent("a\0\ud800"), {"error": "a\ufffd?", "retryable": False}),
        ):  # fmt: skip
            with self.subTest(error):
                self.assertEqual(self.outcome(fails(error), "fail"), body)
            self.fake.requests.clear()

    def test_a_long_error_is_cut(self) -> None:
        def handler(task: Task) -> Any:
            raise Permanent("ä" * 20_000)

        self.assertLessEqual(len(self.outcome(handler, "fail")["error"].encode()), 16 << 10)

    def test_a_result_that_is_no_json_fails_for_good(self) -> None:
        body = self.outcome(lambda task: float("nan"), "fail")
        self.assertIn("the result cannot be encoded as JSON", body["error"])
        self.assertFalse(body["retryable"])

    def test_a_refused_result_fails_for_good(self) -> None:
        self.fake.scripts["complete"] = lambda body: refusal(413, "too_large", "result is too large")
        body = self.outcome(lambda task: "x", "fail")
        self.assertEqual((body["error"], body["retryable"]), ("the result was refused: too_large: result is too large", False))

    def test_parking(self) -> None:
        def returns(task: Task) -> Park:
            return Park([after_signal("ok", "Go?", ["yes"]), after_mission("m0", ended=True)], timeout=9, checkpoint={"a": 1}, prefer_self=5)

        def raises(task: Task) -> None:
            try:
                task.park([after_signal("ok", "Go?", ["yes"]), after_mission("m0", ended=True)], timeout=9, checkpoint={"a": 1}, prefer_self=5)
            except Exception:
                self.fail("a handler that catches exceptions must not catch it")

        for handler in (returns, raises):
            self.assertEqual(self.outcome(handler, "release"), {
                "after": [{"signal": "ok", "prompt": "Go?", "choices": ["yes"]}, {"mission": "m0", "when": "ended"}],
                "after_timeout_seconds": 9, "checkpoint": {"a": 1}, "prefer_agent": "py-1", "prefer_seconds": 5.0,
            })  # fmt: skip
            self.fake.requests.clear()

    def test_a_refused_parking_fails_for_good(self) -> None:
        self.fake.scripts["release"] = lambda body: refusal(400, "invalid_request", "after is bad", field="after")
        body = self.outcome(lambda task: Park([{"signl": "x"}]), "fail")
        self.assertEqual((body["error"], body["retryable"]), ("the mission cannot wait: invalid_request: after is bad", False))

    # Reports

    def test_a_report_is_repeated_until_it_is_answered(self) -> None:
        answers = [NOTHING, refusal(503, "unavailable"), refusal(500, "internal"), refusal(429, "overloaded")]
        self.fake.scripts["complete"] = lambda body: answers.pop(0) if answers else {}
        self.fake.give()
        with self.run_agent(lambda task: 7):
            reports = self.fake.wait_told("complete", 5)
        self.assertEqual(reports, [{"mission_id": "m1", "lease": 1, "result": 7}] * 5)

    def test_a_report_ends_with_the_lease(self) -> None:
        self.fake.terms["lease_seconds"] = 2.0
        self.fake.scripts["complete"] = lambda body: refusal(503, "unavailable")
        self.fake.give()
        with self.run_agent(lambda task: 7):
            self.fake.wait_told("complete")
            self.fake.scripts["heartbeat"] = lambda body: NOTHING
            self.fake.give("m2")
            reports = self.fake.wait("the next report", lambda: [one for one in self.fake.told("complete") if one["mission_id"] == "m2"])
            del self.fake.scripts["complete"]
            self.assertEqual(self.fake.told("complete").index(reports[0]), len([one for one in self.fake.told("complete") if one["mission_id"] == "m1"]))

    def test_progress_log_checkpoint_and_usage(self) -> None:
        def handler(task: Task) -> Any:
            self.assertEqual(task.restore(), {"step": 3})
            task.progress(50, "half")
            task.log("a line", level="warn", data=[1])
            task.usage("usd", 0.25)
            task.usage("usd", 0.5)
            task.checkpoint({"step": 4})
            task.usage("tokens", 12)
            return None

        ref = {"mission_id": "m1", "lease": 1}
        body = self.outcome(handler, "complete", checkpoint={"step": 3})
        self.assertEqual(body, {"usage": {"usd": 0.75, "tokens": 12}})
        self.assertEqual(self.fake.told("progress"), [{**ref, "percent": 50, "message": "half"},
                                                      {**ref, "checkpoint": {"step": 4}, "usage": {"usd": 0.75}}])  # fmt: skip
        self.assertEqual(self.fake.told("log"), [{**ref, "message": "a line", "level": "warn", "data": [1]}])

    def test_usage_is_reported_soon_without_another_report(self) -> None:
        def handler(task: Task) -> None:
            task.usage("usd", 1)
            self.hold.wait(PATIENCE)

        self.fake.give()
        with self.run_agent(handler):
            body = self.fake.wait_told("progress")[0]
            self.hold.set()
        self.assertEqual(body, {"mission_id": "m1", "lease": 1, "usage": {"usd": 1}})

    def test_bad_usage_adds_nothing(self) -> None:
        def handler(task: Task) -> None:
            for unit, amount in (("US$", 1), ("usd", -1), ("usd", float("nan")), ("usd", "1"), ("usd", 1e16), ("ninth", 1)):
                with self.assertRaises(errors.InvalidRequest):
                    task.usage(unit, amount)  # type: ignore[arg-type]
            task.usage("usd", 2)

        usage = {f"unit_{n}": 1 for n in range(7)}
        self.fake.give(usage={**usage, "usd": 1})
        with self.run_agent(handler):
            body = self.fake.wait("the report", lambda: self.fake.told("complete") + self.fake.told("fail"))[0]
        self.assertEqual(body, {"mission_id": "m1", "lease": 1, "usage": {"usd": 2}})

    def test_progress_and_log_survive_a_supervisor_that_is_away(self) -> None:
        def handler(task: Task) -> str:
            task.progress(1)
            task.log("x")
            return "done"

        self.fake.scripts["progress"] = lambda body: NOTHING
        self.fake.scripts["log"] = lambda body: refusal(413, "too_large", "the log is full")
        self.assertEqual(self.outcome(handler, "complete"), {"result": "done"})

    def test_children(self) -> None:
        def create(body: Any) -> Any:
            answers: List[Any] = [{"mission": {"id": one["id"], "status": "PENDING"}, "created": True} for one in body["missions"]]
            if body["missions"][0]["name"] == "bad":
                answers[0] = {"error": {"code": "conflict", "message": "no", "field": "id"}}
            return {"results": answers}

        def handler(task: Task) -> Any:
            children = task.create({"name": "a", "type": "t"}, {"name": "b", "id": "b1"})
            with self.assertRaises(errors.Conflict):
                task.create({"name": "bad"})
            return [child.id for child in children]

        self.fake.scripts["create"] = create
        result = self.outcome(handler, "complete")["result"]
        sent = self.fake.told("create")[0]["missions"]
        self.assertEqual(result, [sent[0]["id"], "b1"])
        self.assertRegex(sent[0]["id"], "^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")

    def test_inputs(self) -> None:
        def handler(task: Task) -> Any:
            return [task.inputs, task.input("a"), task.input("b"), task.turn, task.timed_out]

        self.fake.scripts["inputs"] = lambda body: {"source": body["source"], "status": "FAILED", "result": "large"}
        known = {"a": {"status": "COMPLETED", "result": 1}}
        large = {"source": "b", "status": "FAILED", "result": "large"}
        body = self.outcome(handler, "complete", inputs=known, trimmed=["inputs.b"], turn=2, timed_out=True)
        self.assertEqual(body["result"], [known, known["a"], large, 2, True])

    # Leases

    def held(self, task: Task) -> Any:
        """Works until it is told to stop, and then returns, as a handler would by mistake."""
        self.began.set()
        task.cancelled.wait(PATIENCE)
        self.reasons.append(task.reason)
        return "too late"

    def begin(self) -> None:
        self.began, self.reasons = threading.Event(), []  # type: threading.Event, List[Optional[str]]
        self.fake.give()

    def test_a_busy_agent_lists_what_it_holds(self) -> None:
        self.begin()
        with self.run_agent(self.held, drain_seconds=0):
            beats = self.beats(lambda body: body["running"] == [{"mission_id": "m1", "lease": 1}])
        self.assertGreater(beats[0]["memory_bytes"], 0)
        self.assertEqual(self.reasons, ["the agent is stopping"])

    def test_cancelled_and_lost_work_stops_and_is_not_reported(self) -> None:
        for field, reason in (("cancel", "the mission was cancelled"), ("lost", "the lease is lost")):
            with self.subTest(field):
                self.fake.requests.clear()
                self.begin()
                lists: Dict[str, Any] = {"cancel": [], "lost": [], "unknown_to_us": 1}
                self.fake.scripts["heartbeat"] = lambda body: lists
                with self.run_agent(self.held):
                    self.assertTrue(self.began.wait(PATIENCE))
                    lists[field] = ["m1"]
                    self.beats(lambda body: body["running"])
                    self.fake.wait("the end", lambda: self.reasons)
                    seen = len(self.fake.told("heartbeat"))
                    self.fake.wait_told("heartbeat", seen + 3)
                    self.assertEqual([body["running"] for body in self.fake.told("heartbeat")[seen + 1 :] if body["running"]], [])
                self.assertEqual((self.reasons, self.fake.told("complete"), self.fake.told("fail"), self.fake.told("release")), ([reason], [], [], []))

    def test_a_pushed_cancel_makes_a_heartbeat_at_once(self) -> None:
        self.fake.terms.update(heartbeat_seconds=3600, lease_seconds=36000)
        self.begin()
        with self.run_agent(self.held):
            self.assertTrue(self.began.wait(PATIENCE))
            self.fake.scripts["heartbeat"] = lambda body: {"cancel": [one["mission_id"] for one in body["running"]], "lost": []}
            self.fake.commands.put(("command", {"command": "dance", "mission_id": "m1"}))
            self.fake.commands.put(("command", "no object"))
            self.fake.commands.put(("command", {"command": "cancel", "mission_id": "m1"}))
            self.fake.wait("the end", lambda: self.reasons)
        self.assertEqual(self.reasons, ["the mission was cancelled"])

    def test_work_stops_when_its_lease_is_over_without_contact(self) -> None:
        self.fake.terms["lease_seconds"] = 0.4
        self.begin()
        with self.run_agent(self.held):
            self.assertTrue(self.began.wait(PATIENCE))
            self.fake.scripts["heartbeat"] = lambda body: NOTHING
            self.fake.wait("the end", lambda: self.reasons)
        self.assertEqual((self.reasons, self.fake.told("complete")), (["the lease is lost"], []))

    def test_a_report_with_a_lost_lease_stops_the_work(self) -> None:
        after: List[str] = []

        def handler(task: Task) -> None:
            try:
                task.progress(10)
                after.append("went on")
            except Exception:
                after.append("caught")

        self.fake.scripts["progress"] = lambda body: refusal(409, "lease_lost")
        self.fake.give()
        self.fake.give("m2")
        with self.run_agent(handler):
            self.fake.wait_told("progress", 2)
        self.assertEqual((after, self.fake.told("complete"), self.fake.told("fail")), ([], [], []))

    # The supervisor forgets, breaks off and refuses

    def test_it_registers_again(self) -> None:
        for verb, code, status in (("heartbeat", "not_found", 404), ("claim", "not_found", 404), ("claim", "conflict", 409)):
            with self.subTest(verb + code):
                self.fake.requests.clear()
                left = [1]
                usual = self.fake.scripts.pop(verb, None)
                self.assertIsNone(usual)

                def once(body: Any, verb: str = verb, left: List[int] = left, code: str = code, status: int = status) -> Any:
                    if left:
                        left.pop()
                        return refusal(status, code)
                    del self.fake.scripts[verb]
                    return self.fake.answer(verb, body)

                self.fake.scripts[verb] = once
                with self.run_agent(lambda task: 1):
                    self.fake.wait_told("register", 2)
                    self.fake.give()
                    self.fake.wait_told("complete")

    def test_the_stream_of_commands_is_opened_again_and_a_heartbeat_follows(self) -> None:
        self.fake.terms.update(heartbeat_seconds=3600, lease_seconds=36000)
        with self.run_agent(lambda task: 1):
            self.fake.wait_told("commands")
            beats = len(self.fake.wait_told("heartbeat"))
            self.fake.commands.put(("end", None))
            self.fake.wait_told("commands", 2)
            self.fake.wait_told("heartbeat", beats + 1)

    def test_it_waits_for_a_supervisor(self) -> None:
        answers = [NOTHING, refusal(503, "unavailable")]
        self.fake.scripts["register"] = lambda body: answers.pop(0) if answers else self.fake.terms
        self.fake.give()
        with self.run_agent(lambda task: 1):
            self.fake.wait_told("complete")

    def test_a_refused_agent_raises(self) -> None:
        for status, code in ((400, "invalid_request"), (401, "unauthorized"), (403, "forbidden")):
            with self.subTest(code):
                self.fake.scripts["register"] = lambda body: refusal(status, code)
                with self.assertRaises(errors.MissionControlError) as raised:
                    Agent(self.fake.url, handlers={"work": lambda task: 1}).run()
                self.assertEqual(raised.exception.code, code)

    def test_bad_settings(self) -> None:
        async def coroutine(task: Task) -> None:
            pass

        for settings in ({"id": "a b"}, {"capacity": 0}, {"capacity": 10_001}, {"url": "ftp://h"}):
            with self.subTest(settings), self.assertRaises(ValueError):
                Agent(**settings)  # type: ignore[arg-type]
        with self.assertRaises(TypeError):
            Agent(handlers={"work": coroutine})
        with self.assertRaises(ValueError):
            Agent().run()
        agent = Agent(handlers={"work": self.held})
        with self.assertRaises(ValueError):
            agent.handler("other", "work")(self.held)

    # Capacity and draining

    def test_it_claims_only_what_it_has_room_for(self) -> None:
        begun = threading.Semaphore(0)

        def handler(task: Task) -> None:
            begun.release()
            self.hold.wait(PATIENCE)

        for n in range(5):
            self.fake.give(f"m{n}")
        with self.run_agent(handler, capacity=3):
            for _ in range(3):
                self.assertTrue(begun.acquire(timeout=PATIENCE))
            claims = len(self.fake.told("claim"))
            self.fake.wait_told("heartbeat", len(self.fake.told("heartbeat")) + 3)
            self.assertEqual([body["max"] for body in self.fake.told("claim")[:3]], [3, 2, 1])
            self.assertEqual(len(self.fake.told("claim")), claims)
            self.hold.set()
            self.fake.wait_told("complete", 5)

    def test_a_drain_says_so_first_and_finishes(self) -> None:
        began = threading.Event()

        def handler(task: Task) -> str:
            began.set()
            self.hold.wait(PATIENCE)
            return "done"

        self.fake.give()
        with self.run_agent(handler) as agent:
            self.assertTrue(began.wait(PATIENCE))
            agent.stop()
            self.beats(lambda body: body.get("draining") and body["running"])
            self.hold.set()
        verbs = [verb for verb, _, _ in self.fake.requests if verb != "commands"]
        self.assertEqual((self.fake.told("complete")[0]["result"], verbs[-1]), ("done", "leave"))
        self.assertLess(verbs.index("complete"), verbs.index("leave"))

    def test_a_drain_hands_back_what_takes_too_long(self) -> None:
        def handler(task: Task) -> str:
            task.sleep(PATIENCE)
            return "done"

        self.fake.give()
        with self.run_agent(handler, drain_seconds=0.05):
            self.beats(lambda body: body["running"])
        self.assertEqual(self.fake.told("release"), [{"mission_id": "m1", "lease": 1}])

    # Signals

    def test_signals_arrive_and_are_acknowledged(self) -> None:
        got: List[Signal] = []

        def handler(task: Task) -> None:
            while len(got) < 3:
                got.extend(task.signals(wait=PATIENCE))

        first, second, third = ({"seq": n, "name": f"s{n}", "data": n, "by_proven": False, "at": 1.0} for n in (1, 2, 3))
        self.fake.scripts["signals"] = lambda body: {"signals": [{**first, "seen_at": 5.0}, second] if body.get("after", 0) < 2 else [third], "more": body.get("after", 0) < 2}
        self.fake.scripts["heartbeat"] = lambda body: {"cancel": [], "lost": [], "signals": [{"mission_id": one["mission_id"], "seq": 3} for one in body["running"]] if got else []}
        self.fake.give(signals=[first])
        with self.run_agent(handler):
            self.beats(lambda body: body["running"] and body["running"][0].get("seen") == 1)
            self.fake.commands.put(("command", {"command": "signal", "mission_id": "m1", "seq": 2}))
            self.fake.wait_told("complete")
        self.assertEqual([(one.seq, one.name, one.data) for one in got], [(1, "s1", 1), (2, "s2", 2), (3, "s3", 3)])
        self.beats(lambda body: body["running"] and body["running"][0].get("seen") == 3)

    def test_waiting_for_signals_ends_with_the_work(self) -> None:
        self.fake.scripts["heartbeat"] = lambda body: {"cancel": [one["mission_id"] for one in body["running"]], "lost": []}
        ends: List[str] = []

        def handler(task: Task) -> None:
            try:
                task.signals(wait=PATIENCE)
            except Cancelled as error:
                ends.append(str(error))
                raise

        self.fake.give()
        with self.run_agent(handler):
            self.fake.wait("the end", lambda: ends)
        self.assertEqual(ends, ["the mission was cancelled"])

    def test_signals_that_the_claim_had_no_room_for_are_read(self) -> None:
        signal = {"seq": 4, "name": "s", "by_proven": False, "at": 1.0}
        self.fake.scripts["signals"] = lambda body: {"signals": [{**signal, "data": "large"}]}
        body = self.outcome(lambda task: [one.data for one in task.signals()], "complete", signals=[{**signal, "data_left_out": True}])
        self.assertEqual((body["result"], self.fake.told("signals")[0]["after"]), (["large"], 3))
