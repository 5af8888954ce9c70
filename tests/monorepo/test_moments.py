"""Dates as users write them, in UTC whatever the local time zone."""

from __future__ import annotations

import time

import pytest

from monorepo.moments import NoMomentError, begins_like_a_date, moment_text, read_moment


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati"])
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-03-01", "2025-03-01T23:59:59Z"),
        ("2025-03-01T12:00", "2025-03-01T12:00:00Z"),
        ("2025-03-01T12:00Z", "2025-03-01T12:00:00Z"),
        ("2025-03-01 12:00:07", "2025-03-01T12:00:07Z"),
        ("2025-03-01T01:30+02:00", "2025-02-28T23:30:00Z"),
        ("2024-02-29", "2024-02-29T23:59:59Z"),
        ("1950-01-01", "1950-01-01T23:59:59Z"),
    ],
)
def test_moments(text: str, expected: str, zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert moment_text(read_moment(text)) == expected
        assert begins_like_a_date(text)
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2025",
        "2025-3-1",
        "20250301",
        "2025-02-29",
        "2025-13-01",
        "2025-03-01T25:00",
        "2025-03-01T12",
        "2025-03-01x12:00",
        "2025-03-01T12:00+99:00",
        "0001-01-01T00:00+14:00",
        "9999-12-31T23:59-14:00",
        "٢٠٢٥-03-01",
    ],
)
def test_what_is_no_moment(text: str) -> None:
    with pytest.raises(NoMomentError) as failure:
        read_moment(text)
    assert text in failure.value.reason
