"""Mission Control for Python: create missions, watch them, and work on them as an agent.

    from missioncontrol import Agent, Client

See :class:`Client` and :class:`Agent`. Everything goes over HTTP; only the standard library is
needed.
"""

from .agent import Agent, Handler
from .client import Client
from .errors import (
    Cancelled,
    Conflict,
    Forbidden,
    Internal,
    InvalidRequest,
    LeaseLost,
    MissionControlError,
    NotFound,
    Overloaded,
    Permanent,
    QuotaExceeded,
    RetryAfter,
    Timeout,
    TooLarge,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from .events import Event, Notice
from .model import Created, Mission, Park, Signal, after_batch, after_mission, after_signal
from .task import Task
from .transport import Transport

__version__ = "0.1.0"

__all__ = [
    "Agent", "Cancelled", "Client", "Conflict", "Created", "Event", "Forbidden", "Handler", "Internal",
    "InvalidRequest", "LeaseLost", "Mission", "MissionControlError", "NotFound", "Notice", "Overloaded",
    "Park", "Permanent", "QuotaExceeded", "RetryAfter", "Signal", "Task", "Timeout", "TooLarge",
    "Transport", "Unauthorized", "Unavailable", "Unreachable", "after_batch", "after_mission",
    "after_signal",
]  # fmt: skip
