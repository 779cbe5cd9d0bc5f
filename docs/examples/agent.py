#!/usr/bin/env python3
"""An agent in Python without any library: NATS is lines of text over TCP. It converts data.text to
upper case. If the broker or the supervisor does not answer, it ends, and its mission returns to the
queue: have something start it again. sdk/python is for agents that need more.

    python3 agent.py [ID]          (NATS_URL is the broker's URL)
"""
import itertools, json, os, queue, socket, sys, threading, time, urllib.parse

agent = sys.argv[1] if len(sys.argv) > 1 else f"bare-{os.getpid()}"
url = urllib.parse.urlsplit(os.environ.get("NATS_URL", "nats://127.0.0.1:4222"))
broker = socket.create_connection((url.hostname, url.port or 4222))
held, replies, numbers, sending = [], {}, itertools.count(), threading.Lock()

def die(thread):  # without any of its threads, an agent is of no use
    print(repr(thread.exc_value), file=sys.stderr)
    os._exit(1)

def send(text):
    with sending:
        broker.sendall(text.encode() + b"\r\n")

def ask(verb, request, seconds=5):
    inbox, body = f"_INBOX.{agent}.{next(numbers)}", json.dumps(request)  # which is ASCII: a character is a byte
    reply = replies[inbox.encode()] = queue.Queue()
    send(f"PUB supervisor.agent.{agent}.{verb} {inbox} {len(body)}\r\n{body}")
    return reply.get(timeout=seconds)

def read():
    with broker.makefile("rb") as lines:
        for word, *rest in map(bytes.split, lines):
            if word == b"PING":
                send("PONG")
            elif word == b"MSG":  # its subject, our subscription, its size; then the message in a line
                replies.pop(rest[0]).put(json.loads(lines.read(int(rest[-1]) + 2)))
    raise EOFError("the broker has closed the connection")

def beat(every):
    while True:  # without heartbeats, the lease of the mission expires
        time.sleep(every)
        reply = ask("heartbeat", {"running": held[:]})
        if any(one["mission_id"] in reply["cancel"] + reply["lost"] for one in held):
            held.clear()  # cancelled, or no longer ours: work that takes long would look at held

threading.excepthook = die
# By this name of the connection, the supervisor notices at once that the agent died.
send("CONNECT " + json.dumps({"name": f"agent:{agent}", "verbose": False, "user": url.username, "pass": url.password}))
send(f"SUB _INBOX.{agent}.* 1")
threading.Thread(target=read, daemon=True).start()
terms = ask("register", {"name": "bare Python", "types": ["upper"], "capacity": 1})
threading.Thread(target=beat, args=[terms["heartbeat_seconds"]], daemon=True).start()
print(f"agent {agent} is waiting for missions of type upper", flush=True)
while True:
    for mission in ask("claim", {"max": 1, "wait_seconds": 10}, 15)["missions"]:
        held[:] = [{"mission_id": mission["id"], "lease": mission["lease"]}]
        text = mission["data"].get("text")
        verb, report = ("complete", {"result": text.upper()}) if isinstance(text, str) else \
            ("fail", {"error": "data.text is not a string", "retryable": False})
        if held:
            ask(verb, {**held[0], **report})
        held.clear()
