"""Missions, their logs and signals, and what they wait for."""

from __future__ import annotations

import os
import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Dict, List, Mapping, Optional, Sequence

JSON = Dict[str, Any]

PENDING, RUNNING, COMPLETED, FAILED, CANCELLED = "PENDING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED"


@dataclass(frozen=True)
class Mission:
    """A mission as the supervisor describes it. Times are Unix seconds, in UTC.

    raw is the whole reply, with every field of the protocol, also those that have no attribute
    here, such as waiting_for, signals and usage.
    """

    id: str
    status: str
    name: str = ""
    description: str = ""
    type: str = ""
    data: JSON = field(default_factory=dict)
    priority: str = "NORMAL"
    tags: Sequence[str] = ()
    attempt: int = 0
    max_attempts: int = 0
    agent_id: Optional[str] = None
    progress: Optional[JSON] = None
    result: Any = None
    error: Optional[str] = None
    created_at: Optional[float] = None
    started_at: Optional[float] = None
    finished_at: Optional[float] = None
    raw: JSON = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Mission:
        """Returns the mission in a reply."""
        known = {name: raw[name] for name in cls.__dataclass_fields__ if name != "raw" and name in raw}
        return cls(raw=dict(raw), **known)

    @property
    def ended(self) -> bool:
        """Whether it is COMPLETED, FAILED or CANCELLED."""
        return self.status in (COMPLETED, FAILED, CANCELLED)


@dataclass(frozen=True)
class Signal:
    """A signal to a mission: how people and programs approve, answer and steer."""

    seq: int
    name: str
    data: Any = None
    by: str = ""
    by_proven: bool = False
    at: float = 0.0

    @classmethod
    def of(cls, raw: Mapping[str, Any]) -> Signal:
        """Returns the signal in a reply."""
        return cls(**{name: raw[name] for name in cls.__dataclass_fields__ if name in raw})


@dataclass(frozen=True)
class Created:
    """The outcome of one creation: a mission or an error.

    created is false if the mission existed already with the same content, or if mission is
    another one that holds the unique key.
    """

    mission: Optional[Mission] = None
    created: bool = False
    error: Optional[Exception] = None


def after_mission(mission: str, *, ended: bool = False) -> JSON:
    """A condition that is met when the mission has completed; with ended, when it has ended in any way."""
    return {"mission": mission, "when": "ended"} if ended else {"mission": mission}


def after_batch(batch: str, *, ended: bool = False) -> JSON:
    """A condition that is met when all missions of the batch have completed; with ended, when they have ended in any way."""
    return {"batch": batch, "when": "ended"} if ended else {"batch": batch}


def after_signal(name: str, prompt: str = "", choices: Sequence[str] = ()) -> JSON:
    """A condition that is met when such a signal arrives.

    prompt says what people are asked, at most 4 KiB. If there are choices, at most 20, the
    signal's data must be one of them.
    """
    condition: JSON = {"signal": name}
    if prompt:
        condition["prompt"] = prompt
    if choices:
        condition["choices"] = list(choices)
    return condition


class Park:
    """What a handler returns to have its mission wait, without a lease, a slot and an attempt.

    after has up to 100 conditions, all of which must be met, timeout the seconds after which the
    mission goes on anyway, with :attr:`Task.timed_out`; without conditions, it just waits for
    that long. checkpoint is stored as by :meth:`Task.checkpoint`. With prefer_self, other agents
    leave the mission to this one for so many seconds once it can be claimed again.

        return Park(after=[after_signal("approved", "Deploy?", ["yes", "no"])], timeout=86400)
    """

    def __init__(
        self,
        after: Sequence[Mapping[str, Any]] = (),
        *,
        timeout: Optional[float] = None,
        checkpoint: Any = None,
        prefer_self: float = 0,
    ) -> None:
        self.after: List[JSON] = [dict(condition) for condition in after]
        self.timeout = timeout
        self.checkpoint = checkpoint
        self.prefer_self = min(float(prefer_self), 86400.0)


def new_id() -> str:
    """Returns a new UUIDv7, whose order is that of time."""
    milliseconds = time.time_ns() // 1_000_000
    number = milliseconds << 80 | int.from_bytes(os.urandom(10), "big")
    number = number & ~(0xF << 76) | 0x7 << 76  # the version
    number = number & ~(0x3 << 62) | 0x2 << 62  # the variant
    return str(uuid.UUID(int=number))
