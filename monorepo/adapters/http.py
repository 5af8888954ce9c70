"""http and https, spoken with httpx: HTTP/2 where offered, connections kept, redirects watched."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING

from monorepo.errors import AbsentError, FetchError, TemporaryError

if TYPE_CHECKING:
    import httpx

_REDIRECTS = 10
_ABSENT = frozenset({404, 410})
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, between two pieces of an answer, and for the whole of it."""

    connect: float = 10.0
    read: float = 30.0
    total: float = 1800.0


class HttpClient:
    """`monorepo.ports.Http`. httpx is imported and a client made when something is first asked for.

    May be used from several threads; close it, or use it as a context manager.
    """

    def __init__(self, timeouts: Timeouts | None = None) -> None:
        self._timeouts = timeouts or Timeouts()
        self._client: httpx.Client | None = None
        self._lock = Lock()

    def __enter__(self) -> HttpClient:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give up all connections."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None

    @contextmanager
    def stream(self, url: str) -> Iterator[Body]:
        """The document at ``url``; see `monorepo.ports.Http`. A redirect from https to http is refused."""
        import httpx

        deadline = time.monotonic() + self._timeouts.total
        try:
            response = self._follow(url)
            try:
                _refuse_failure(response, url)
                yield Body(response, deadline, self._timeouts.total)
            finally:
                response.close()
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise FetchError(f"this is no url for http: {error}", place=url) from error
        except httpx.TimeoutException as error:
            raise TemporaryError("the server does not answer in time", place=url) from error
        except httpx.HTTPError as error:
            if "CERTIFICATE_VERIFY_FAILED" in str(error):
                raise FetchError(
                    f"the server's certificate is not to be trusted: {error}", place=url
                ) from error
            raise TemporaryError(f"the connection failed: {_words(error)}", place=url) from error

    def _follow(self, url: str) -> httpx.Response:
        client = self._open()
        request = client.build_request("GET", url)
        for _ in range(_REDIRECTS + 1):
            response = client.send(request, stream=True, follow_redirects=False)
            onward = response.next_request
            if onward is None:
                return response
            response.close()
            if request.url.scheme == "https" and onward.url.scheme != "https":
                raise FetchError(f"the server redirects from https to {onward.url}", place=url)
            request = onward
        raise FetchError(f"the server redirects more than {_REDIRECTS} times", place=url)

    def _open(self) -> httpx.Client:
        import httpx

        from monorepo import __version__

        with self._lock:
            if self._client is None:
                self._client = httpx.Client(
                    http2=True,
                    headers={"User-Agent": f"mono/{__version__}", "Accept-Encoding": "identity"},
                    timeout=httpx.Timeout(self._timeouts.read, connect=self._timeouts.connect, pool=None),
                )
            return self._client


class Body:
    """`monorepo.ports.HttpBody`."""

    def __init__(self, response: httpx.Response, deadline: float, limit: float) -> None:
        self._response = response
        self._deadline = deadline
        self._limit = limit

    @property
    def length(self) -> int | None:
        text = self._response.headers.get("Content-Length", "")
        return int(text) if text.isdecimal() else None

    def chunks(self) -> Iterator[bytes]:
        for chunk in self._response.iter_raw():  # as it comes in, so that a slow drip is noticed
            if time.monotonic() > self._deadline:
                raise TemporaryError(
                    f"the answer takes longer than {self._limit:g} seconds", place=str(self._response.url)
                )
            yield chunk


def _refuse_failure(response: httpx.Response, url: str) -> None:
    if response.is_success:
        return
    reason = f"the server answers {response.status_code} {response.reason_phrase}".rstrip()
    if response.status_code in _BUSY:
        after = response.headers.get("Retry-After", "")
        raise TemporaryError(reason, place=url, wait=float(after) if after.isdecimal() else None)
    kind = AbsentError if response.status_code in _ABSENT else FetchError
    raise kind(reason, place=url)


def _words(error: Exception) -> str:
    return str(error) or type(error).__name__
