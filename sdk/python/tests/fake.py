"""A supervisor with a script, for tests of what a real one cannot be made to do."""

from __future__ import annotations

import json
import queue
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Callable, Dict, List, Optional, Tuple

from missioncontrol import Agent

# How long anything may take; only a failure uses it up.
PATIENCE = 30.0

# What a script returns instead of a reply, to close the connection without one.
NOTHING = object()


class Fake:
    """Answers requests as scripts says: a function for each verb of an agent or each path.

    A script gets the body and returns the reply, (status, reply) or NOTHING. Without one, an agent
    gets what is right for it: missions from give, and lease_seconds.
    """

    def __init__(self, heartbeat: float = 0.1, lease: float = 30.0) -> None:
        self.scripts: Dict[str, Callable[[Any], Any]] = {}
        self.requests: List[Tuple[str, Any, Dict[str, str]]] = []
        self.missions: queue.Queue[Dict[str, Any]] = queue.Queue()
        self.commands: queue.Queue[Tuple[str, Any]] = queue.Queue()
        self.terms = {"heartbeat_seconds": heartbeat, "lease_seconds": lease}
        self.changed = threading.Condition()
        self.server = _Quiet(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.closing = threading.Event()
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"

    def close(self) -> None:
        self.closing.set()
        self.server.shutdown()
        self.server.server_close()

    def give(self, id: str = "m1", type: str = "work", lease: int = 1, **fields: Any) -> None:
        """Gives a mission to the next claim."""
        self.missions.put({"id": id, "type": type, "status": "RUNNING", "name": id, "data": {}, "attempt": 1,
                           "max_attempts": 3, "turn": 1, "lease": lease, "checkpoint": None, **fields})  # fmt: skip

    def told(self, verb: str) -> List[Any]:
        """Returns the bodies of the requests of a verb or a path."""
        with self.changed:
            return [body for name, body, _ in self.requests if name == verb]

    def wait(self, what: str, condition: Callable[[], Any]) -> Any:
        """Waits until a condition holds, which is looked at after every request, and returns its value."""
        end = time.monotonic() + PATIENCE
        while True:
            with self.changed:
                value = condition()
                if value:
                    return value
                if not self.changed.wait(min(0.1, end - time.monotonic())) and time.monotonic() > end:
                    raise AssertionError(f"{what} did not happen; the requests were {self.requests[-20:]}")

    def wait_told(self, verb: str, count: int = 1) -> List[Any]:
        """Waits for so many requests of a verb, and returns their bodies."""
        return self.wait(f"{count} requests {verb}", lambda: (self.told(verb) if len(self.told(verb)) >= count else None))

    def answer(self, name: str, body: Any) -> Any:
        if name in self.scripts:
            return self.scripts[name](body)
        if name == "register":
            return self.terms
        if name == "heartbeat":
            return {"cancel": [], "lost": []}
        if name == "claim":
            try:
                return {"missions": [self.missions.get(timeout=0.05)]}
            except queue.Empty:
                return {"missions": []}
        return {}


class _Quiet(ThreadingHTTPServer):
    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


def _handler(fake: Fake) -> Any:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_POST(self) -> None:
            self.reply()

        do_GET = do_PUT = do_DELETE = do_POST

        def reply(self) -> None:
            text = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            body = json.loads(text) if text else None
            path = self.path
            name = path.rsplit("/", 1)[1] if path.startswith("/api/agents/") else path
            if name == "commands" and name not in fake.scripts:
                return self.push()
            with fake.changed:
                fake.requests.append((name, body, dict(self.headers)))
                fake.changed.notify_all()
            answer = fake.answer(name, body)
            if answer is NOTHING:
                self.close_connection = True
                return
            status, reply = answer if isinstance(answer, tuple) else (200, answer)
            raw = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def push(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/event-stream")
            self.end_headers()
            self.close_connection = True
            with fake.changed:
                fake.requests.append(("commands", None, dict(self.headers)))
                fake.changed.notify_all()
            self.push_one("ready", {})
            while not fake.closing.is_set():
                try:
                    kind, data = fake.commands.get(timeout=0.02)
                except queue.Empty:
                    continue
                if kind == "end":
                    return
                self.push_one(kind, data)

        def push_one(self, kind: str, data: Any) -> None:
            self.wfile.write(f"event: {kind}\ndata: {json.dumps(data)}\n\n".encode())

    return Handler


def refusal(status: int, code: str, message: str = "because", **more: Any) -> Tuple[int, Any]:
    """Returns an error reply."""
    return status, {"error": {"code": code, "message": message, **more}}


class Running:
    """An agent that runs in a thread until the block ends."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.error: Optional[BaseException] = None
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        try:
            self.agent.run()
        except BaseException as error:
            self.error = error

    def __enter__(self) -> Agent:
        self.thread.start()
        return self.agent

    def __exit__(self, *_: Any) -> None:
        self.agent.stop()
        self.thread.join(PATIENCE)
        if self.thread.is_alive():
            raise AssertionError("the agent does not stop")
