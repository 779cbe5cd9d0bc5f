"""The agent that `supervisor agent check --http -- python3 tests/check_agent.py` checks.

It does what each mission's data say: {"work_seconds":S,"result":V,"fail":"text","permanent":bool}.
"""

from __future__ import annotations

import logging
import os
import pathlib
import sys
import time
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from missioncontrol import Agent, Permanent, Task  # noqa: E402


def check(task: Task) -> Any:
    """Works for a while, reading signals, and then fails or returns as it was told."""
    end = time.monotonic() + task.data.get("work_seconds", 0)
    while time.monotonic() < end:
        task.signals(wait=end - time.monotonic())
    if "fail" in task.data:
        raise Permanent(task.data["fail"]) if task.data.get("permanent") else RuntimeError(task.data["fail"])
    return task.data.get("result")


if __name__ == "__main__":
    logging.basicConfig(level=logging.DEBUG, format="%(asctime)s %(message)s", stream=sys.stderr)
    Agent(
        os.environ["CHECK_HTTP_URL"],
        id=os.environ["CHECK_AGENT_ID"],
        token=os.environ.get("CHECK_TOKEN"),
        handlers={"check": check},
        capacity=2,
    ).run()
