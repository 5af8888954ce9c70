"""What options take that is more than a text."""

from __future__ import annotations

import click

_SECONDS = {"h": 3600.0, "d": 24 * 3600.0, "w": 7 * 24 * 3600.0}


class Moment(click.ParamType[int]):
    """An ISO 8601 date or date-time, as seconds since the epoch."""

    name = "date"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from monorepo.moments import NoMomentError, read_moment

        try:
            return read_moment(value)
        except NoMomentError as error:
            self.fail(error.reason, param, ctx)


class Revision(click.ParamType[str | int]):
    """A commit, tag or branch as it is, or a moment; what begins like a date is one."""

    name = "revision"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str | int:
        from monorepo.moments import begins_like_a_date

        return Moment().convert(value, param, ctx) if begins_like_a_date(value) else value


class Age(click.ParamType[float]):
    """A length of time in hours, days or weeks (``12h``, ``30d``, ``2w``), as seconds."""

    name = "age"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number, unit = value[:-1], value[-1:]
        if unit not in _SECONDS or not (number.isascii() and number.isdecimal()):
            self.fail(f"{value} is no length of time: write 12h, 30d or 2w", param, ctx)
        return int(number) * _SECONDS[unit]


class Assignment(click.ParamType[tuple[str, str]]):
    """``NAME=VALUE``, neither of them empty."""

    name = "assignment"

    def convert(
        self, value: str, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        name, _, assigned = value.partition("=")
        if not name or not assigned:
            self.fail(f"{value} is not of the form NAME=COMMIT", param, ctx)
        return name, assigned
