"""Errors of requests, and the exceptions with which a handler says what becomes of its mission."""

from __future__ import annotations

from typing import Any, Dict, Optional, Type


class MissionControlError(Exception):
    """A request that failed. There is a subclass for every code of the protocol.

    code is the protocol's word for what went wrong, such as ``not_found``, field the field of
    the request that caused it, or None, and status the HTTP status, 0 if there was no reply.
    nothing_done is true if the request certainly changed nothing.
    """

    code = "internal"

    def __init__(
        self,
        message: str,
        *,
        code: Optional[str] = None,
        field: Optional[str] = None,
        status: int = 0,
        nothing_done: bool = False,
    ) -> None:
        super().__init__(message)
        self.code = code or type(self).code
        self.message = message
        self.field = field
        self.status = status
        self.nothing_done = nothing_done

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class InvalidRequest(MissionControlError):
    """The request breaks a rule; field says where."""

    code = "invalid_request"


class Unauthorized(MissionControlError):
    """The token is missing or unknown."""

    code = "unauthorized"


class Forbidden(MissionControlError):
    """The token's role does not allow the request."""

    code = "forbidden"


class NotFound(MissionControlError):
    """There is no such mission, batch, agent, limit or schedule."""

    code = "not_found"


class Timeout(MissionControlError):
    """What was waited for did not happen in time."""

    code = "timeout"


class Conflict(MissionControlError):
    """The state of the mission or the agent does not allow the request."""

    code = "conflict"


class LeaseLost(Conflict):
    """The agent no longer holds the newest lease of the mission; nothing was stored."""

    code = "lease_lost"


class TooLarge(MissionControlError):
    """A limit of the protocol is exceeded."""

    code = "too_large"


class Overloaded(MissionControlError):
    """A limit on concurrent work, or on waiting events, is reached; try again later."""

    code = "overloaded"


class QuotaExceeded(MissionControlError):
    """As many missions of the key are PENDING as a limit allows; try again later."""

    code = "quota_exceeded"


class Internal(MissionControlError):
    """The supervisor failed; its log says why."""

    code = "internal"


class Unavailable(MissionControlError):
    """The supervisor cannot serve the request at the moment."""

    code = "unavailable"


class Unreachable(Unavailable):
    """There was no reply. Unless nothing_done is true, the request may have been executed."""

    code = "unreachable"


_CLASSES: Dict[str, Type[MissionControlError]] = {
    cls.code: cls
    for cls in (
        InvalidRequest, Unauthorized, Forbidden, NotFound, Timeout, Conflict, LeaseLost,
        TooLarge, Overloaded, QuotaExceeded, Internal, Unavailable,
    )
}  # fmt: skip

# What an answer without a code means: it comes from a proxy, not from a supervisor.
_STATUSES: Dict[int, Type[MissionControlError]] = {
    400: InvalidRequest, 401: Unauthorized, 403: Forbidden, 404: NotFound, 408: Timeout,
    413: TooLarge, 429: Overloaded, 502: Unavailable, 503: Unavailable, 504: Unavailable,
}  # fmt: skip


def from_reply(error: Any, status: int) -> MissionControlError:
    """Returns the error in an error reply. An unknown code is a MissionControlError with it."""
    if not isinstance(error, dict) or not isinstance(error.get("code"), str):
        return from_status(status, "")
    code, field = error["code"], error.get("field")
    return _CLASSES.get(code, MissionControlError)(
        str(error.get("message", "")),
        code=code,
        field=field if isinstance(field, str) else None,
        status=status,
        nothing_done=error.get("nothing_done") is True,
    )


def from_status(status: int, reason: str) -> MissionControlError:
    """Returns the error of an answer that a supervisor did not write."""
    what = f"{status} {reason}".strip()
    return _STATUSES.get(status, MissionControlError)(f"the answer is {what}, and not from a supervisor", status=status)


class Cancelled(BaseException):
    """Work on a mission is to stop: it was cancelled, its lease is lost, or the agent stops.

    :meth:`Task.check` and other methods of a task raise it; a handler lets it pass. It is no
    Exception, so that a handler that catches those does not go on by mistake.
    """


class Permanent(Exception):
    """Fails the mission at once: a retry cannot succeed. ``raise Permanent("no such file")``."""


class RetryAfter(Exception):
    """Fails the attempt, and has the next one begin after some seconds, at most 366 days.

    With limit, the name of a limit that applies to the mission, no mission starts under that
    limit until then: ``raise RetryAfter(30, "the provider says 429", limit="anthropic")``.
    """

    def __init__(self, seconds: float, message: str = "", *, limit: Optional[str] = None) -> None:
        super().__init__(message or f"to be tried again in {seconds:g} s")
        self.seconds = min(max(0.0, float(seconds)), 366 * 86400.0)
        self.limit = limit
