"""What git says when it cannot reach a repository, in one sentence of ours."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from monorepo.adapters.git import GitClones
from monorepo.adapters.git_clone import Clone
from monorepo.adapters.git_complaints import in_our_words
from monorepo.errors import RepositoryError, UnavailableError

SAID = {
    "unknown host": (
        ("unable to access 'https://nosuch.invalid/x.git/': Could not resolve host: nosuch.invalid",),
        "the server's name cannot be resolved",
    ),
    "no such repository, of a host that asks for a login then": (
        ("could not read Username for 'https://example.org': terminal prompts disabled",),
        "there is no such repository, or it asks for a login that git does not have",
    ),
    "no key": (
        ("git@example.org: Permission denied (publickey).", "Could not read from remote repository."),
        "there is no such repository, or it asks for a login that git does not have",
    ),
    "forbidden": (
        ("unable to access 'https://example.org/x/': The requested URL returned error: 403",),
        "there is no such repository, or it asks for a login that git does not have",
    ),
    "not found": (("repository 'https://example.org/x/' not found",), "there is no git repository there"),
    "unknown key of a host": (
        ("Host key verification failed.", "Could not read from remote repository."),
        "ssh does not know the key of the host",
    ),
    "a certificate": (
        ("unable to access 'https://example.org/': SSL certificate problem: self-signed certificate",),
        "the connection cannot be trusted",
    ),
    "a broken server": (
        ("unable to access 'https://example.org/': The requested URL returned error: 502",),
        "the server cannot be reached, or breaks off",
    ),
    "a lost connection": (
        ("fetch-pack: unexpected disconnect while reading sideband packet", "early EOF"),
        "the server cannot be reached, or breaks off",
    ),
    "another user's": (
        ("detected dubious ownership in repository at '/srv/x'", "To add an exception, call:"),
        "the repository belongs to another user, and git refuses it",
    ),
    "what nobody knows": (("object of unexpected type", "giving up"), "object of unexpected type"),
}


@pytest.mark.parametrize(("said", "reason"), SAID.values(), ids=SAID)
def test_a_complaint_is_one_sentence(said: tuple[str, ...], reason: str) -> None:
    error = in_our_words(said, "https://example.org/x")
    assert error.reason == reason
    assert error.place == "https://example.org/x"
    assert bool(error.hint) == (said[0] != reason)


NOT_SURE = {"a broken server", "a lost connection", "what nobody knows"}


@pytest.mark.parametrize("name", SAID)
def test_what_is_surely_of_the_other_side(name: str) -> None:
    error = in_our_words(SAID[name][0], "https://example.org/x")
    assert isinstance(error, UnavailableError) is (name not in NOT_SURE)


def test_a_url_is_no_complaint() -> None:
    """Names of repositories have all kinds of words in them."""
    url = "https://example.org/ocaml-ssl"
    said = f"fetching {url}: Server does not allow request for unadvertised object"
    assert in_our_words((said,), url).reason == said


def test_git_s_own_words_are_kept_but_for_what_it_always_adds() -> None:
    said = (
        "'/srv/x' does not appear to be a git repository",
        "Could not read from remote repository.",
        "Please make sure you have the correct access rights",
        "and the repository exists.",
    )
    assert in_our_words(said, "file:///srv/x").details == (f"git: {said[0]}",)


def test_real_complaints_are_understood(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with socket.socket() as unheard:  # nobody else gets the port, and nobody listens
        unheard.bind(("127.0.0.1", 0))
        port = unheard.getsockname()[1]
        for url, reason in (
            ((tmp_path / "nowhere").as_uri(), "there is no git repository there"),
            ((tmp_path / "empty").as_uri(), "there is no git repository there"),
            (f"git://127.0.0.1:{port}/x", "the server cannot be reached, or breaks off"),
            (f"http://127.0.0.1:{port}/x", "the server cannot be reached, or breaks off"),
        ):
            with pytest.raises(RepositoryError) as caught:
                GitClones(tmp_path / "cache").resolve(url, None)
            assert caught.value.reason == reason
            assert caught.value.place == url
            assert caught.value.details


def test_a_clone_does_not_keep_the_login_that_it_is_not_asked_for(tmp_path: Path) -> None:
    Clone("https://her:secret@h/p", tmp_path / "clone", offline=True).ensure()
    assert (tmp_path / "clone/url").read_text(encoding="utf-8") == "https://h/p\n"


def test_offline_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(RepositoryError, match="mono is offline"):
        GitClones(tmp_path / "cache", offline=True).resolve("https://127.0.0.1:9/x", None)
