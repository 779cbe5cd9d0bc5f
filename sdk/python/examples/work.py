"""An agent that counts words, a few missions at once.

    python3 examples/work.py                    # the agent; Ctrl-C drains it
    python3 examples/work.py "some text" …      # hands in a mission for each text, and waits for them
"""

import logging
import sys

from missioncontrol import Agent, Client, Permanent, RetryAfter, Task

agent = Agent(name="counts words", capacity=4)


@agent.handler("count-words")
def count_words(task: Task) -> dict:
    text = task.data.get("text")
    if not isinstance(text, str):
        raise Permanent("data.text is not a string")  # no retry can help
    if text == "flaky" and task.attempt == 1:
        raise RetryAfter(1, "the first attempt never works")  # any other exception is retried, too
    words = text.split()
    for number, word in enumerate(words, start=1):
        task.progress(100 * number / len(words), word)  # raises Cancelled if the work is to stop
        task.sleep(0.1)
    return {"words": len(words)}


def hand_in(texts: list) -> None:
    with Client() as client:
        specs = [{"name": text[:40] or "nothing", "type": "count-words", "data": {"text": text}} for text in texts]
        created = client.create_many(specs)
        for one in client.wait_many([one.mission.id for one in created if one.mission]):
            print(f"{one.name}: {one.status} {one.result or one.error}")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    if sys.argv[1:]:
        hand_in(sys.argv[1:])
    else:
        agent.run()
