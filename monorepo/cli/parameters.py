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
