from __future__ import annotations

import os
import unittest
from typing import Any, Dict
from unittest import mock

from missioncontrol import Client, errors
from missioncontrol.transport import Transport

from .fake import NOTHING, Fake, refusal


class TransportTest(unittest.TestCase):
    def setUp(self) -> None:
        self.fake = Fake()
        self.addCleanup(self.fake.close)

    def ask(self, answer: Any, **settings: Any) -> Any:
        self.fake.scripts["/x"] = lambda body: answer
        transport = Transport(self.fake.url, **settings)
        self.addCleanup(transport.close)
        return transport.request("POST", "/x", {"a": 1})

    def test_an_error_has_the_class_of_its_code(self) -> None:
        for status, code, cls in (
            (400, "invalid_request", errors.InvalidRequest), (401, "unauthorized", errors.Unauthorized),
            (403, "forbidden", errors.Forbidden), (404, "not_found", errors.NotFound), (408, "timeout", errors.Timeout),
            (409, "conflict", errors.Conflict), (409, "lease_lost", errors.LeaseLost), (413, "too_large", errors.TooLarge),
            (429, "overloaded", errors.Overloaded), (429, "quota_exceeded", errors.QuotaExceeded),
            (500, "internal", errors.Internal), (503, "unavailable", errors.Unavailable),
        ):  # fmt: skip
            with self.subTest(code), self.assertRaises(cls) as raised:
                self.ask(refusal(status, code, field="name"))
            error = raised.exception
            self.assertEqual((type(error), error.code, error.field, error.status), (cls, code, "name", status))

    def test_an_unknown_code_is_kept(self) -> None:
        with self.assertRaises(errors.MissionControlError) as raised:
            self.ask(refusal(418, "teapot", nothing_done=True))
        self.assertEqual((raised.exception.code, raised.exception.nothing_done), ("teapot", True))

    def test_an_answer_of_a_proxy_is_an_error(self) -> None:
        for status, cls in ((413, errors.TooLarge), (502, errors.Unavailable), (504, errors.Unavailable), (418, errors.MissionControlError), (200, errors.MissionControlError)):
            with self.subTest(status), self.assertRaises(cls):
                self.ask((status, b"<html>sorry</html>"))

    def test_no_reply_is_unreachable(self) -> None:
        with self.assertRaises(errors.Unreachable) as raised:
            self.ask(NOTHING)
        self.assertFalse(raised.exception.nothing_done)

    def test_nobody_listens(self) -> None:
        self.fake.close()
        with self.assertRaises(errors.Unreachable) as raised:
            self.ask({})
        self.assertTrue(raised.exception.nothing_done)

    def test_integers_stay_exact_and_nan_is_refused(self) -> None:
        big = 12345678901234567890123
        self.fake.scripts["/x"] = lambda body: {"n": body["n"]}
        transport = Transport(self.fake.url)
        self.addCleanup(transport.close)
        self.assertEqual(transport.request("POST", "/x", {"n": big})["n"], big)
        for value in (float("nan"), float("inf"), object(), "\ud800", b""):
            with self.subTest(repr(value)), self.assertRaises(errors.InvalidRequest):
                transport.request("POST", "/x", {"n": value})
        with self.assertRaises(errors.MissionControlError):
            self.ask((200, b'{"n":NaN}'))

    def test_connections_are_kept_and_a_closed_one_is_replaced(self) -> None:
        self.fake.scripts["/x"] = lambda body: {}
        transport = Transport(self.fake.url)
        self.addCleanup(transport.close)
        transport.request("POST", "/x", {})
        first = transport._idle[0][0].sock
        transport.request("POST", "/x", {})
        self.assertIs(transport._idle[0][0].sock, first)
        self.fake.scripts["/x"] = lambda body: NOTHING
        with self.assertRaises(errors.Unreachable):
            transport.request("POST", "/x", {})
        self.fake.scripts["/x"] = lambda body: {"again": True}
        self.assertEqual(transport.request("POST", "/x", {}), {"again": True})

    def test_the_token_and_the_name_are_sent(self) -> None:
        for given, environment, sent in (("t1", "t2", "Bearer t1"), (None, "t2", "Bearer t2"), ("", "t2", None)):
            with self.subTest(sent), mock.patch.dict(os.environ, {"SUPERVISOR_TOKEN": environment}):
                self.ask({}, token=given, name="report")
                headers = self.fake.requests[-1][2]
                self.assertEqual((headers.get("Authorization"), headers["Mission-Control-Client"]), (sent, "report"))

    def test_bad_settings_name_themselves(self) -> None:
        settings: Dict[str, Any]
        for word, settings in (
            ("url", {"url": "nats://h"}), ("url", {"url": "http://user:pw@h"}), ("url", {"url": "h:80"}),
            ("token", {"url": "http://h", "token": "a\r\nb: c"}),
        ):  # fmt: skip
            with self.subTest(settings), self.assertRaisesRegex(ValueError, word):
                Transport(**settings)

    def test_a_path_before_the_api_is_kept(self) -> None:
        self.fake.scripts["/mc/api/supervisor/status"] = lambda body: {"agent_count": 3}
        with Client(self.fake.url + "/mc/") as client:
            self.assertEqual(client.status()["agent_count"], 3)

    def test_a_proxy_of_the_environment_is_used_except_for_loopback(self) -> None:
        self.fake.scripts["http://supervisor.test:8080/x"] = lambda body: {"by": "proxy"}
        self.fake.scripts["/x"] = lambda body: {"by": "nobody"}
        with mock.patch.dict(os.environ, {"http_proxy": self.fake.url, "no_proxy": "other.test"}):
            for url, by in (("http://supervisor.test:8080", "proxy"), (self.fake.url, "nobody")):
                with Transport(url) as transport:
                    self.assertEqual(transport.request("POST", "/x", {}), {"by": by})
            self.assertIsNone(Transport("http://other.test")._proxy)
            self.assertIsNone(Transport("http://supervisor.test", proxies=False)._proxy)
