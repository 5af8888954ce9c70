"""Downloads that are cut off go on where they stopped, and end right whatever server and disk do meanwhile."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from monorepo.adapters.http import HttpClient
from monorepo.errors import FetchError
from tests.faults.scene import until
from tests.faults.server import Answer, FaultyServer, body, ranged, status
from tests.monorepo.fetch.sources import checksum, lock, pulled, put, source, tar, tree, vendored

ROOT = Path(__file__).parents[2]
FILES = {"p/a": random.Random(1).randbytes(90_000), "p/b": b"right"}
CONTENT = tar(FILES)
OTHER = tar({"p/a": random.Random(2).randbytes(90_000)})
NAME = checksum(CONTENT).replace("=", "-")
PART = f"incoming/{NAME}.part"
HALF = len(CONTENT) // 2


def right(folder: Path) -> bool:
    """Whether the pull gave what it should, and left nothing aside."""
    left = [name for name in tree(folder / "cache") if name.startswith("incoming/")]
    return vendored(folder / "project") == FILES and not left


def asked_ranges(server: FaultyServer) -> list[tuple[str | None, str | None]]:
    return [(headers.get("Range"), headers.get("If-Range")) for headers in server.headers]


DAY = "Sat, 01 Feb 2020 10:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "condition"),
    [
        ({"ETag": '"one"'}, '"one"'),
        ({"ETag": '"one"', "Last_Modified": DAY}, '"one"'),
        ({"ETag": 'W/"one"', "Last_Modified": DAY}, DAY),
        ({}, None),
    ],
    ids=["tag", "both", "weak", "nothing"],
)
def test_a_cut_is_gone_on_with(
    tmp_path: Path, server: FaultyServer, http: HttpClient, headers: dict[str, str], condition: str | None
) -> None:
    url = server.on("/p", ranged(CONTENT, kept=HALF, **headers), ranged(CONTENT, **headers))
    report = pulled(lock(source("p", url, CONTENT)), tmp_path, http)
    assert asked_ranges(server) == [(None, None), (f"bytes={HALF}-", condition)]
    assert report.received == len(CONTENT) - HALF
    assert right(tmp_path)


def test_many_cuts(tmp_path: Path, server: FaultyServer, http: HttpClient) -> None:
    step = len(CONTENT) // 3 + 1
    url = server.on("/p", ranged(CONTENT, kept=step))
    pulled(lock(source("p", url, CONTENT)), tmp_path, http)
    assert [range_ for range_, _ in asked_ranges(server)] == [None, f"bytes={step}-", f"bytes={2 * step}-"]
    assert right(tmp_path)


def partial(first: int, text: str, content: bytes = CONTENT) -> Answer:
    """Answers 206 with ``content`` from ``first`` on, and any ``Content-Range``."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(206)
        if text:
            handler.send_header("Content-Range", text)
        handler.send_header("Content-Length", str(len(content) - first))
        handler.end_headers()
        handler.wfile.write(content[first:])

    return answer


def test_a_part_that_nobody_asked_for_is_no_document(
    tmp_path: Path, server: FaultyServer, http: HttpClient
) -> None:
    """Taken for a part to go on with it would be thrown away, and asked for again, without end."""
    lying = partial(HALF, f"bytes {HALF}-{len(CONTENT) - 1}/{len(CONTENT)}")
    url = server.on("/p", lying)
    with pytest.raises(FetchError) as failure:
        pulled(lock(source("p", url, CONTENT)), tmp_path, http)
    assert "a part of the document that nobody asked for" in failure.value.details[0]
    assert len(server.asked) == 1
    server.on("/p", ranged(CONTENT, kept=HALF), lying)  # goes on, but with something else
    with pytest.raises(FetchError, match="could not be had"):
        pulled(lock(source("p", url, OTHER)), tmp_path, http)
    assert len(server.asked) == 4


ALL = f"{len(CONTENT) - 1}/{len(CONTENT)}"


@pytest.mark.parametrize(
    ("answers", "questions"),
    [
        ([body(CONTENT)], 2),
        ([ranged(CONTENT, ETag='"two"')], 2),
        ([status(416), body(CONTENT)], 3),
        ([partial(0, f"bytes 0-{ALL}"), body(CONTENT)], 3),
        ([partial(HALF + 1, f"bytes {HALF + 1}-{ALL}"), body(CONTENT)], 3),
        ([partial(HALF, ""), body(CONTENT)], 3),
        ([partial(HALF, f"bytes={HALF}"), body(CONTENT)], 3),
        ([partial(HALF + 1, f"bytes {HALF}-{ALL}"), body(CONTENT)], 3),
        ([partial(HALF, f"bytes {HALF}-{ALL}", OTHER[: len(CONTENT)]), body(CONTENT)], 3),
        ([status(503), ranged(CONTENT, ETag='"one"')], 3),
    ],
    ids=[
        "no ranges",
        "changed",
        "416",
        "from the start",
        "from elsewhere",
        "no word of where",
        "nonsense",
        "one byte lost",
        "of another file",
        "busy",
    ],
)
def test_whatever_the_server_makes_of_it_the_file_is_right(
    tmp_path: Path, server: FaultyServer, http: HttpClient, answers: list[Answer], questions: int
) -> None:
    url = server.on("/p", ranged(CONTENT, kept=HALF, ETag='"one"'), *answers)
    pulled(lock(source("p", url, CONTENT)), tmp_path, http)
    assert right(tmp_path)
    assert len(server.asked) == questions


def test_a_short_part_of_what_was_asked_is_gone_on_with(
    tmp_path: Path, server: FaultyServer, http: HttpClient
) -> None:
    """A server may give less than was asked for (RFC 9110, 15.3.7)."""
    end = HALF + 100
    short = partial(HALF, f"bytes {HALF}-{end - 1}/{len(CONTENT)}", CONTENT[:end])
    url = server.on("/p", ranged(CONTENT, kept=HALF), short, ranged(CONTENT))
    pulled(lock(source("p", url, CONTENT)), tmp_path, http)
    assert asked_ranges(server)[-1] == (f"bytes={end}-", None)
    assert right(tmp_path)


@pytest.mark.parametrize(
    ("left", "ranges"),
    [
        (CONTENT[:HALF], [f"bytes={HALF}-"]),
        (CONTENT[: HALF - 1] + b"!", [f"bytes={HALF}-", None]),
        (CONTENT, []),
        (CONTENT + b"more", [f"bytes={len(CONTENT) + 4}-", None]),
        (CONTENT[:-1] + b"!", [f"bytes={len(CONTENT)}-", None]),
        (b"", [None]),
    ],
    ids=["half", "damaged", "complete", "longer", "wrong at its end", "empty"],
)
def test_what_an_earlier_pull_left(
    tmp_path: Path, server: FaultyServer, http: HttpClient, left: bytes, ranges: list[str | None]
) -> None:
    put(tmp_path, f"cache/{PART}", left)
    url = server.on("/p", ranged(CONTENT))
    pulled(lock(source("p", url, CONTENT)), tmp_path, http)
    assert [range_ for range_, _ in asked_ranges(server)] == ranges
    assert right(tmp_path)


def test_a_part_serves_for_another_place_too(tmp_path: Path, server: FaultyServer, http: HttpClient) -> None:
    """It is named by what it is to become; but the first server's name for its state means nothing there."""
    first = server.on("/p", ranged(CONTENT, kept=HALF, ETag='"one"'), status(404))
    second = server.on("/q", ranged(CONTENT, ETag='"other"'))
    report = pulled(lock(source("p", first, CONTENT, mirrors=(second,))), tmp_path, http)
    assert asked_ranges(server)[1:] == [(f"bytes={HALF}-", '"one"'), (f"bytes={HALF}-", None)]
    assert report.received == len(CONTENT) - HALF
    assert right(tmp_path)


def test_wrong_bytes_after_a_cut_are_told_only_when_they_are_wrong_from_the_start(
    tmp_path: Path, server: FaultyServer, http: HttpClient
) -> None:
    url = server.on("/p", ranged(OTHER, kept=HALF), ranged(OTHER))
    with pytest.raises(FetchError, match="is not what the lock says") as failure:
        pulled(lock(source("p", url, CONTENT)), tmp_path, http)
    assert f"got {checksum(OTHER)} ({len(OTHER)} bytes)" in failure.value.details[0]
    assert [range_ for range_, _ in asked_ranges(server)] == [None, f"bytes={HALF}-", None]
    assert PART not in tree(tmp_path / "cache")


def test_no_login_is_kept_beside_a_part(tmp_path: Path, server: FaultyServer, http: HttpClient) -> None:
    url = server.on("/p", ranged(CONTENT, kept=HALF, ETag='"one"'), status(404))
    with pytest.raises(FetchError):
        pulled(lock(source("p", url.replace("//", "//me:secret@"), CONTENT)), tmp_path, http)
    assert tree(tmp_path / "cache")[f"incoming/{NAME}.from"] == f'{url}\n"one"'.encode()
    pulled(lock(source("p", server.on("/p", ranged(CONTENT, ETag='"one"')), CONTENT)), tmp_path, http)
    assert asked_ranges(server)[-1] == (f"bytes={HALF}-", '"one"')
    assert right(tmp_path)


def stalling(server: FaultyServer) -> Answer:
    """Sends half of it, then nothing."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(CONTENT)))
        handler.send_header("ETag", '"one"')
        handler.end_headers()
        handler.wfile.write(CONTENT[:HALF])
        handler.wfile.flush()
        server.released.wait(30)
        handler.close_connection = True

    return answer


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM], ids=lambda how: how.name)
def test_a_part_survives_the_process(tmp_path: Path, server: FaultyServer, how: signal.Signals) -> None:
    url = server.on("/p", stalling(server), ranged(CONTENT, ETag='"one"'))
    project, cache = tmp_path / "project", tmp_path / "cache"
    project.mkdir()
    digest = checksum(CONTENT).removeprefix("sha256=")
    command = [sys.executable, "-m", "tests.faults.puller", str(project), str(cache), f"p={url}={digest}"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    until(lambda: (cache / PART).exists() and (cache / PART).stat().st_size == HALF)
    process.send_signal(how)
    process.communicate(timeout=20)  # it does not wait for the server
    assert (cache / PART).read_bytes() == CONTENT[:HALF]
    assert {path.name for path in project.iterdir()} <= {".duniverse.new"}
    done = subprocess.run(command, cwd=ROOT, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 0, done.stderr
    assert asked_ranges(server) == [(None, None), (f"bytes={HALF}-", '"one"')]
    assert right(tmp_path)
