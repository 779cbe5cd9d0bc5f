"""A deployment that a person approves. While it waits, it holds no lease and no slot.

    python3 examples/approval.py
    supervisor missions create "deploy 1.2" --type deploy --data '{"version":"1.2"}' --id deploy-1
    supervisor missions signal deploy-1 approved yes     # or answer on the dashboard, under Inbox
"""

import logging

from missioncontrol import Agent, Park, Task, after_signal

agent = Agent(name="deploys")


@agent.handler("deploy")
def deploy(task: Task) -> object:
    version = task.data.get("version", "latest")
    answers = [signal for signal in task.signals() if signal.name == "approved"]
    if task.timed_out:
        return {"deployed": None, "because": "nobody answered"}
    if not answers:
        task.log(f"built {version}")
        question = after_signal("approved", f"Deploy {version} to production?", ["yes", "no"])
        # Whichever agent claims the mission after the answer begins this function anew, with the
        # checkpoint.
        return Park([question], timeout=86_400, checkpoint={"built": version})
    if answers[-1].data == "no":
        return {"deployed": None, "because": f"{answers[-1].by or 'somebody'} said no"}
    task.progress(50, "deploying")
    return {"deployed": task.restore()["built"]}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    agent.run()
