"""An agent for tests that kill it: python3 worker.py ID [CAPACITY].

Missions of type job take data.seconds, and fail for good with data.fail. Those of type endless last
until they are told to stop. It prints what it begins and ends.
"""

from __future__ import annotations

import logging
import pathlib
import sys
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from missioncontrol import Agent, Cancelled, Permanent, Task  # noqa: E402


def job(task: Task) -> Any:
    task.sleep(task.data.get("seconds", 0))
    if task.data.get("fail"):
        raise Permanent(task.data["fail"])
    return {"echo": task.data, "lease": task.lease}


def endless(task: Task) -> None:
    print(f"began {task.id}, turn {task.turn}", flush=True)
    try:
        while True:
            for signal in task.signals(wait=3600):
                print(f"signal {signal.name} {signal.data}", flush=True)
    except Cancelled as error:
        print(f"stopped {task.id}: {error}", flush=True)
        raise


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", stream=sys.stdout)
    capacity = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    Agent(id=sys.argv[1], handlers={"job": job, "endless": endless}, capacity=capacity).run()
