"""http and https, spoken with httpx: HTTP/2 where offered, connections kept, redirects watched.

httpx by itself does what HTTP_PROXY, HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR say;
it does not look at a netrc file (`monorepo.adapters.netrc`).
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING

from monorepo.adapters.netrc import Logins
from monorepo.errors import AbsentError, FetchError, TemporaryError

if TYPE_CHECKING:
    import ssl

    import httpx

_REDIRECTS = 10
_ABSENT = frozenset({404, 410})
_BUSY = frozenset({408, 425, 429, 500, 502, 503, 504})
_PARTIAL, _BEYOND = 206, 416
_CONNECTIONS = 32
_UNWANTED, _UNWANTED_FOR = 1 << 16, 1.0  # bytes and seconds: more is not read only to keep a connection
_NUMBER = re.compile(r"[0-9]{1,18}")
_PROXIES = "look at HTTP_PROXY, HTTPS_PROXY and ALL_PROXY"
_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds: to connect, between two pieces of an answer, and for the whole of it.

    An answer of which fewer than ``slowest`` bytes a second come in ``read`` seconds is given up as well.
    """

    connect: float = 10.0
    read: float = 30.0
    total: float = 1800.0
    slowest: float = 100.0


class HttpClient:
    """`monorepo.ports.Http`. httpx is imported and a client made when something is first asked for.

    May be used from several threads; close it, or use it as a context manager.
    """

    def __init__(self, timeouts: Timeouts | None = None) -> None:
        self._timeouts = timeouts or Timeouts()
        self._client: httpx.Client | None = None
        self._logins = Logins({})
        self._lock = Lock()
        _spare_httpx_its_command_line()

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
    def stream(self, url: str, *, start: int = 0, validator: str = "") -> Iterator[Body]:
        """The document at ``url``; see `monorepo.ports.Http`. A redirect from https to http is refused."""
        with _failures_of(url) as peer:
            range_ = {"Range": f"bytes={start}-"} if start else {}
            condition = {"If-Range": validator} if start and validator else {}
            deadline = time.monotonic() + self._timeouts.total
            response = self._follow("GET", url, {**range_, **condition}, peer)
            if start and response.status_code in (_PARTIAL, _BEYOND) and not _goes_on(response, start):
                _pass_over(response)
                start, response = 0, self._follow("GET", url, {}, peer)
            if _first(response) not in (0, start):
                _pass_over(response)
                raise FetchError("the server answers with a part of the document that nobody asked for", url)
            yield from self._answered(response, url, peer, deadline)

    @contextmanager
    def post(self, url: str) -> Iterator[Body]:
        """The answer to a POST of nothing; see `monorepo.ports.Http`."""
        with _failures_of(url) as peer:
            deadline = time.monotonic() + self._timeouts.total
            response = self._follow("POST", url, {}, peer)
            yield from self._answered(response, url, peer, deadline)

    def _answered(self, response: httpx.Response, url: str, peer: _Peer, deadline: float) -> Iterator[Body]:
        try:
            _refuse_failure(response, url, peer)
            yield Body(response, url, self._timeouts, deadline)
        finally:
            response.close()

    def _follow(self, method: str, url: str, headers: Mapping[str, str], peer: _Peer) -> httpx.Response:
        client = self._open()
        request = client.build_request(method, url, headers=headers, extensions={"trace": peer.trace})
        for hop in range(_REDIRECTS + 1):
            peer.is_to_be_asked(request.url)
            response = self._send(client, request, directly=hop == 0)
            onward = response.next_request
            if onward is None:
                return response
            _pass_over(response)
            if request.url.scheme == "https" and onward.url.scheme != "https":
                raise FetchError(f"the server redirects from https to {onward.url}", place=url)
            request = onward
        raise FetchError(f"the server redirects more than {_REDIRECTS} times", place=url)

    def _send(self, client: httpx.Client, request: httpx.Request, *, directly: bool) -> httpx.Response:
        """Ask; a login in the url itself goes before one of the netrc file.

        On the way to another origin httpx drops the login; the file's ``default`` is for nobody who was not
        asked by the user.
        """
        import httpx

        login = None if request.url.userinfo else self._logins.of(request.url.host, default=directly)
        auth = httpx.USE_CLIENT_DEFAULT if login is None else httpx.BasicAuth(*login)
        return client.send(request, stream=True, follow_redirects=False, auth=auth)

    def _open(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                self._logins = Logins.of_user()
                self._client = _client(self._timeouts)
            return self._client


def _spare_httpx_its_command_line() -> None:
    """Have httpx do without its own command line, which takes as long to import as all the rest of it.

    It does so by itself where rich, which that wants, is not installed (httpx/__init__.py). Where it was
    imported before, or has no such module any more, this changes nothing.
    """
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]


def _client(timeouts: Timeouts) -> httpx.Client:
    """Raises FetchError where the environment names certificates or proxies that cannot be used."""
    from concurrent.futures import ThreadPoolExecutor

    import httpx

    from monorepo import __version__

    with ThreadPoolExecutor(1) as beside:
        certificates = beside.submit(_certificates)
        import httpcore  # noqa: F401 # a client wants it, and it takes as long as the certificates

    try:
        return httpx.Client(
            http2=True,
            verify=certificates.result(),
            headers={"User-Agent": f"mono/{__version__}", "Accept-Encoding": "identity"},
            timeout=httpx.Timeout(timeouts.read, connect=timeouts.connect, pool=None),
            limits=httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS),
        )
    except (ValueError, ImportError, httpx.InvalidURL) as error:
        raise FetchError(
            f"the proxy cannot be used: {error}",
            hint="HTTP_PROXY, HTTPS_PROXY and ALL_PROXY take http://HOST:PORT or https://HOST:PORT",
        ) from error


def _certificates() -> ssl.SSLContext:
    import httpx

    try:
        context = httpx.create_ssl_context()
        if os.environ.get("SSL_CERT_FILE") and os.environ.get("SSL_CERT_DIR"):
            context.load_verify_locations(capath=os.environ["SSL_CERT_DIR"])  # httpx takes the first alone
    except OSError as error:
        raise FetchError(
            f"the certificates cannot be read: {error.strerror or error}",
            hint="check SSL_CERT_FILE and SSL_CERT_DIR",
        ) from error
    return context


class Body:
    """`monorepo.ports.HttpBody`."""

    def __init__(self, response: httpx.Response, url: str, timeouts: Timeouts, deadline: float) -> None:
        self._response = response
        self._url = url
        self._timeouts = timeouts
        self._deadline = deadline

    @property
    def start(self) -> int:
        return _first(self._response)

    @property
    def length(self) -> int | None:
        range_ = _range(self._response)
        text = self._response.headers.get("Content-Length", "") if range_ is None else range_[3]
        return int(text) if _NUMBER.fullmatch(text) else None

    @property
    def validator(self) -> str:
        tag: str = self._response.headers.get("ETag", "")
        weak = not tag or tag.startswith("W/")  # of no use in If-Range (RFC 9110, 13.1.5)
        return self._response.headers.get("Last-Modified", "") if weak else tag

    def chunks(self) -> Iterator[bytes]:
        limits = self._timeouts
        since, received = time.monotonic(), 0
        for chunk in self._response.iter_raw():  # as it comes in, so that a slow drip is noticed
            now = time.monotonic()
            if now > self._deadline:
                raise TemporaryError(
                    f"the answer takes longer than {limits.total:g} seconds", place=self._url
                )
            received += len(chunk)
            if now - since > limits.read:
                if received < limits.slowest * (now - since):
                    raise TemporaryError(
                        f"fewer than {limits.slowest:g} bytes a second come in", place=self._url
                    )
                since, received = now, 0
            yield chunk


class _Peer:
    """Whom a request goes to: the server, or the proxy before it, as httpx finds in the environment."""

    def __init__(self) -> None:
        self._server = self._asked = ""

    def is_to_be_asked(self, url: httpx.URL) -> None:
        self._server = self._asked = _address(url.raw_host.decode("ascii"), url.port)

    def trace(self, event: str, about: Mapping[str, object]) -> None:
        """Hears what httpcore does for a request (its extension ``trace``)."""
        if event == "connection.connect_tcp.started":
            self._asked = _address(str(about["host"]), about["port"])

    @property
    def host(self) -> str:
        return self._asked

    @property
    def kind(self) -> str:
        return "server" if self._asked == self._server else "proxy"


def _address(host: str, port: object) -> str:
    return host if port in (None, 80, 443) else f"{host}:{port}"


@contextmanager
def _failures_of(url: str) -> Iterator[_Peer]:
    """Says of what httpx raises what it means, and whether asking ``url`` again may help."""
    import httpx

    peer = _Peer()
    try:
        yield peer
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise FetchError(f"this is no url for http: {error}", place=url) from error
    except httpx.TimeoutException as error:
        raise TemporaryError(f"the {peer.kind} does not answer in time", url, host=peer.host) from error
    except httpx.ProxyError as error:
        raise FetchError(f"the proxy refuses: {error}", url, _PROXIES, host=peer.host) from error
    except httpx.HTTPError as error:
        raise _connection_failure(error, url, peer) from error


def _connection_failure(error: httpx.HTTPError, url: str, peer: _Peer) -> FetchError:
    import socket
    import ssl

    below = _system_failure(error)
    if isinstance(below, ssl.SSLCertVerificationError):
        return FetchError(
            f"the {peer.kind}'s certificate is not to be trusted: {below.verify_message}",
            url,
            "name the file of an authority of your own in SSL_CERT_FILE",
            host=peer.host,
        )
    lost = isinstance(below, ssl.SSLEOFError | ssl.SSLZeroReturnError)
    if isinstance(below, ssl.SSLError) and not lost:
        return FetchError(f"TLS cannot be agreed on: {below.reason or below}", url, host=peer.host)
    reason = f"the connection failed: {_words(error)}"
    if isinstance(below, socket.gaierror):
        reason = f"the {peer.kind}'s name cannot be resolved"
    elif isinstance(below, ConnectionRefusedError):
        reason = f"the {peer.kind} refuses the connection"
    return TemporaryError(reason, url, _PROXIES if peer.kind == "proxy" else "", host=peer.host)


def _system_failure(error: BaseException) -> OSError | None:
    """What the system, or TLS, objected to, below ``error``."""
    below: BaseException | None = error
    while below is not None and not isinstance(below, OSError):
        below = below.__cause__ or below.__context__
    return below


def _goes_on(response: httpx.Response, start: int) -> bool:
    range_ = _range(response)
    return range_ is not None and int(range_[1]) == start and int(range_[2]) >= start


def _first(response: httpx.Response) -> int:
    """Where in the document an answer says that it begins."""
    range_ = _range(response)
    return 0 if range_ is None else int(range_[1])


def _range(response: httpx.Response) -> re.Match[str] | None:
    """What part of the document an answer says it is; None for all of it."""
    if response.status_code != _PARTIAL:
        return None
    return _RANGE.fullmatch(response.headers.get("Content-Range", ""))


def _pass_over(response: httpx.Response) -> None:
    """Close an answer that nobody wants; its connection can be kept where all of it soon was here."""
    received, until = 0, time.monotonic() + _UNWANTED_FOR
    for chunk in response.iter_raw():
        received += len(chunk)
        if received > _UNWANTED or time.monotonic() > until:
            break
    response.close()


def _refuse_failure(response: httpx.Response, url: str, peer: _Peer) -> None:
    if response.is_success:
        return
    _pass_over(response)
    reason = f"the server answers {response.status_code} {response.reason_phrase}".rstrip()
    if response.status_code in _BUSY:
        raise TemporaryError(reason, url, host=peer.host, wait=_asked_wait(response))
    if response.status_code in _ABSENT:
        raise AbsentError(reason, url)
    raise FetchError(reason, url, host=peer.host)


def _asked_wait(response: httpx.Response) -> float | None:
    """Seconds of ``Retry-After`` (RFC 9110, 10.2.3); a date counts from the server's own clock."""
    after = response.headers.get("Retry-After", "")
    if _NUMBER.fullmatch(after):
        return float(after)
    until = _time(after)
    if until is None:
        return None
    now = _time(response.headers.get("Date", ""))
    return max(0.0, until - (time.time() if now is None else now))


def _time(text: str) -> float | None:
    from email.utils import parsedate_to_datetime

    try:
        return parsedate_to_datetime(text).timestamp()
    except (ValueError, TypeError, OverflowError):
        return None


def _words(error: Exception) -> str:
    return re.sub(r"^\[Errno -?\d+\] ", "", str(error)) or type(error).__name__
