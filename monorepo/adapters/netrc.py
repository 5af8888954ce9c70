"""Logins from the user's netrc file: ``NETRC``, else ``~/.netrc`` (GNU inetutils, "The .netrc file")."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from monorepo.errors import FetchError
from solver.values import dataclass

_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class Logins:
    """Name and password by host; the one of the file's ``default`` entry stands under that name."""

    by_host: Mapping[str, tuple[str, str]]

    def of(self, host: str, *, default: bool) -> tuple[str, str] | None:
        """The login for ``host``; where it has no entry, that for any host if ``default``, else None."""
        login = self.by_host.get(host) or (self.by_host.get(_DEFAULT) if default else None)
        return login if login and any(login) else None

    @staticmethod
    def of_user() -> Logins:
        """Those of the user who runs this; none where there is no file.

        Raises:
            FetchError: the file cannot be read. What is in it is not told, as passwords are.
        """
        from netrc import NetrcParseError, netrc

        path = Path(os.environ.get("NETRC") or "~/.netrc").expanduser()
        try:
            entries = netrc(str(path)).hosts
        except FileNotFoundError:
            return Logins({})
        except NetrcParseError as error:
            raise FetchError("this is no netrc file", f"{path}:{error.lineno}", "mend this line") from None
        except (OSError, UnicodeDecodeError) as error:
            words = error.strerror if isinstance(error, OSError) else "it is not in UTF-8"
            raise FetchError(f"the logins cannot be read: {words}", str(path)) from error
        return Logins({host: (login or "", password or "") for host, (login, _, password) in entries.items()})
