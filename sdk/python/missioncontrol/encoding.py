"""JSON as the protocol wants it: UTF-8, exact integers, and no NaN."""

from __future__ import annotations

import json
from typing import Any

from .errors import InvalidRequest


def encode(value: Any, what: str = "the request") -> bytes:
    """Encodes a value. An InvalidRequest says what JSON cannot hold, NaN and infinity included."""
    try:
        return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequest(f"{what} cannot be encoded as JSON: {error}") from error


def decode(data: bytes) -> Any:
    """Decodes JSON. Integers of any size stay exact. Raises ValueError."""
    return json.loads(data.decode("utf-8"), parse_constant=_refuse)


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
