"""Points in time, in UTC: no local time zone ever counts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_MOMENT = re.compile(
    r"(?P<day>\d{4}-\d\d-\d\d)(?:[T ](?P<time>\d\d:\d\d(?::\d\d)?)(?P<zone>Z|[+-]\d\d:\d\d)?)?", re.ASCII
)


@dataclass
class NoMomentError(Exception):
    """``reason`` says why a text is no date."""

    reason: str


def read_moment(text: str) -> int:
    """Seconds since the epoch of an ISO 8601 date or date-time; a date alone is the end of its day.

    Raises:
        NoMomentError: it is neither, or there is no such day or time.
    """
    found = _MOMENT.fullmatch(text)
    if found is None:
        raise NoMomentError(f"{text} is no ISO 8601 date: write 2025-03-01 or 2025-03-01T12:00Z")
    try:
        text_in_full = f"{found['day']}T{found['time'] or '23:59:59'}{found['zone'] or 'Z'}"
        moment = datetime.fromisoformat(text_in_full).astimezone(UTC)
    except (ValueError, OverflowError):
        raise NoMomentError(f"there is no date {text}") from None
    return int(moment.timestamp())


def begins_like_a_date(text: str) -> bool:
    """Whether ``text`` is meant as a date, be it a good one or not."""
    return _DATE.match(text) is not None


def moment_text(seconds: int) -> str:
    """``2025-03-01T12:00:00Z``."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
