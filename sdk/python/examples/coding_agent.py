"""A coding agent: a loop around a model that spends money, asks a person, and can be steered.

    python3 examples/coding_agent.py
    supervisor missions create "fix the bug" --type code --data '{"task":"fix the bug"}' --max-usage usd=1 --id fix-1
    supervisor missions signal fix-1 steer '"keep the old interface"'      # while it works
    supervisor missions signal fix-1 merge yes                             # once it asks

A model's stub makes it run without an account. A killed agent's mission goes on, with any other
agent, after the step that it has stored last.
"""

import logging
from typing import Any, Dict, List

from missioncontrol import Agent, Park, Task, after_signal

agent = Agent(name="writes code", capacity=2)

STEPS = 5


def ask_model(messages: List[Dict[str, str]]) -> Dict[str, Any]:
    """Returns the model's next step. Call your provider here: its client, or its HTTP API.

    For a provider's "429 Too Many Requests", raise RetryAfter(seconds, limit="NAME"): then no
    mission under that limit starts for so long.
    """
    steps = sum(message["role"] == "assistant" for message in messages) + 1
    return {"text": f"step {steps} of {STEPS}", "done": steps >= STEPS, "usd": 0.02, "tokens": 350}


@agent.handler("code")
def code(task: Task) -> Any:
    state = task.restore({"messages": [{"role": "user", "content": task.data["task"]}], "done": False})
    messages = state["messages"]
    merge = None
    while True:
        for signal in task.signals():  # those from before this turn come first
            if signal.name == "merge":
                merge = signal.data
            elif signal.name == "steer":
                messages.append({"role": "user", "content": str(signal.data)})
                state["done"] = False
        if state["done"]:
            break
        reply = ask_model(messages)
        task.usage("usd", reply["usd"])  # above the mission's max_usage, the work is stopped
        task.usage("tokens", reply["tokens"])
        messages.append({"role": "assistant", "content": reply["text"]})
        state["done"] = reply["done"]
        task.checkpoint(state)  # at most 64 KiB: keep what is larger elsewhere, and its address here
        task.progress(min(99, 100 * len(messages) / (STEPS + 1)), reply["text"])
        task.sleep(task.data.get("seconds_per_step", 0.5))  # raises Cancelled if the work is to stop
    if merge is None and not task.timed_out:
        return Park([after_signal("merge", "Merge the change?", ["yes", "no"])], timeout=7 * 86_400)
    steered = [message["content"] for message in messages[1:] if message["role"] == "user"]
    return {"merged": merge == "yes", "steps": len(messages) - 1 - len(steered), "steered": steered}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    agent.run()
