"""Running a handler, and reporting what came out."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Tuple

from . import encoding, errors
from .model import JSON, Park
from .task import STOPPING, Parked, Task

if TYPE_CHECKING:
    from .agent import Agent

_MOST_ERROR_BYTES = 16 << 10


def work(task: Task, agent: Agent, log: logging.Logger) -> None:
    """Runs the handler of a task, and reports the outcome until there is an answer or the lease is over."""
    log.info("mission %s (%s): started, attempt %s of %s", task.id, task.mission.type, task.attempt, task.mission.max_attempts)
    late = task.reason == STOPPING  # the reply to the claim came after the agent began to drain
    verb, body = ("release", {}) if late else _outcome(task, agent, log)
    if not task._mine:
        log.info("mission %s: stopped: %s", task.id, task.reason)
        return
    refusal = task._finish(verb, body)
    if refusal is not None and not isinstance(refusal, (errors.LeaseLost, errors.NotFound)) and verb != "fail":
        log.warning("mission %s: %s was refused: %s", task.id, verb, refusal)
        what = "the mission cannot wait" if verb == "release" else "the result was refused"
        verb, refusal = "fail", task._finish("fail", _failure(f"{what}: {refusal}", retryable=False))
    if refusal is not None:
        log.warning("mission %s: %s was refused: %s", task.id, verb, refusal)
    else:
        log.info("mission %s: %s", task.id, _PAST[verb])


_PAST = {"complete": "completed", "fail": "failed", "release": "handed back"}


def _outcome(task: Task, agent: Agent, log: logging.Logger) -> Tuple[str, JSON]:
    """Returns the verb and the body of the report on a handler."""
    try:
        result = agent.handler_of(task.mission.type)(task)
    except Parked as parked:
        result = parked.park
    except errors.Cancelled as cancelled:
        if task.reason == STOPPING:
            return "release", {}
        return "fail", _failure(str(cancelled))
    except errors.Permanent as error:
        return "fail", _failure(_said(error), retryable=False)
    except errors.RetryAfter as error:
        body = dict(_failure(_said(error)), retry_after_seconds=error.seconds)
        return "fail", dict(body, limit=error.limit) if error.limit else body
    except BaseException as error:
        log.warning("mission %s: the handler raised an error", task.id, exc_info=True)
        return "fail", _failure(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
    if task.reason == STOPPING and not isinstance(result, Park):
        return "release", {}  # whatever it returned, it was told to stop
    return _returned(result, agent.id)


def _returned(result: Any, agent: str) -> Tuple[str, JSON]:
    try:
        if not isinstance(result, Park):
            encoding.encode(result, "the result")
            return "complete", {} if result is None else {"result": result}
        body: JSON = {}
        if result.after:
            body["after"] = result.after
        if result.timeout is not None:
            body["after_timeout_seconds"] = result.timeout
        if result.prefer_self > 0:
            body.update(prefer_agent=agent, prefer_seconds=result.prefer_self)
        if result.checkpoint is not None:
            body["checkpoint"] = result.checkpoint
        encoding.encode(body, "the parking")
        return "release", body
    except errors.InvalidRequest as error:
        return "fail", _failure(str(error), retryable=False)


def _failure(text: str, *, retryable: bool = True) -> JSON:
    """Returns a report of a failure, with a text that fits into one."""
    text = text.replace("\0", "\ufffd").encode("utf-8", "replace").decode() or "failed without an error message"
    encoded = text.encode()
    if len(encoded) > _MOST_ERROR_BYTES:
        text = encoded[: _MOST_ERROR_BYTES - 3].decode("utf-8", "ignore") + "…"
    return {"error": text, "retryable": retryable}


def _said(error: BaseException) -> str:
    return str(error) or type(error).__name__
