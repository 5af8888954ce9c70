"""What options take that is more than a text."""

from __future__ import annotations

import click


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
