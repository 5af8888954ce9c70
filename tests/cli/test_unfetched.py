"""Many failures to fetch in few words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from monorepo.cli.unfetched import in_few_words
from monorepo.errors import FetchError, NowhereError, SeveralError, refuse_failed

UNKNOWN = "the server's name cannot be resolved"
REFUSED = "the server refuses the connection"


def nowhere(source: str, *answers: tuple[str, str]) -> NowhereError:
    """No place has ``source``; ``answers`` are hosts, empty for none in particular, and what they answered."""
    failures = tuple(FetchError(reason, f"https://{host}/{source}", host=host) for host, reason in answers)
    return NowhereError(
        "its source could not be had",
        source,
        "check the network",
        tuple(map(str, failures)),
        source=source,
        failures=failures,
    )


def told(errors: list[FetchError], wanted: int = 100) -> list[str]:
    with pytest.raises(SeveralError) as failure:
        refuse_failed(errors, wanted)
    few = in_few_words(failure.value)
    return [str(few), *few.details]


@pytest.mark.parametrize(
    ("count", "names"),
    [
        (2, "2 sources: s0 and s1"),
        (4, "4 sources: s0, s1, s2 and s3"),
        (5, "5 sources: s0, s1, s2 and 2 more"),
    ],
)
def test_one_cause(count: int, names: str) -> None:
    errors: list[FetchError] = [nowhere(f"s{index}", ("a.org", UNKNOWN)) for index in range(count)]
    assert told(errors, count) == [f"nothing could be fetched: {UNKNOWN} (a.org)", names]
    assert told(errors)[0] == f"{count} of 100 sources could not be fetched: {UNKNOWN} (a.org)"


def test_one_cause_at_many_servers() -> None:
    errors: list[FetchError] = [nowhere(f"s{index}", (f"{index}.org", UNKNOWN)) for index in range(9)]
    assert told(errors, 9)[0] == f"nothing could be fetched: {UNKNOWN} (0.org, 1.org, 2.org and 6 more)"


def test_causes_stay_apart() -> None:
    errors: list[FetchError] = [
        *(nowhere(name, ("a.org", UNKNOWN)) for name in "ab"),
        *(nowhere(name, ("b.org", REFUSED)) for name in "cd"),
        *(nowhere(name, ("a.org", UNKNOWN), ("b.org", REFUSED)) for name in "ef"),
        nowhere("g", ("c.org", REFUSED), ("a.org", UNKNOWN), ("", "there is no such file")),
        nowhere("h", ("c.org", "the server answers 500")),
        nowhere("i", ("", "there is no such file")),
    ]
    assert told(errors) == [
        "9 of 100 sources could not be fetched",
        f"{UNKNOWN} (a.org)",
        "  2 sources: a and b",
        f"{REFUSED} (b.org)",
        "  2 sources: c and d",
        f"{REFUSED} (b.org)",
        f"{UNKNOWN} (a.org)",
        "  2 sources: e and f",
        "g: its source could not be had",
        f"  https://c.org/g: {REFUSED}",
        f"  https://a.org/g: {UNKNOWN}",
        "  https:///g: there is no such file",
        "h: its source could not be had",
        "  https://c.org/h: the server answers 500",
        "i: its source could not be had",
        "  https:///i: there is no such file",
    ]


def test_several_files_of_one_source_are_one_source() -> None:
    lost = nowhere("s", ("a.org", UNKNOWN))
    errors: list[FetchError] = [replace(lost, reason=f"its file {file} could not be had") for file in "abc"]
    assert told(errors)[1] == "1 source: s"


def test_a_cache_that_is_full_is_told_once() -> None:
    full: list[FetchError] = [FetchError("the cache cannot be used", f"/cache/{name}") for name in "abc"]
    assert told(full) == ["3 of 100 sources could not be fetched", "/cache/a: the cache cannot be used"]


def test_hints_of_causes_and_of_the_rest() -> None:
    proxy = FetchError("the proxy refuses the connection", host="proxy", hint="look at the proxy")
    errors: list[FetchError] = [
        NowhereError("its source could not be had", name, source=name, failures=(proxy,)) for name in "ab"
    ]
    with pytest.raises(SeveralError) as failure:
        refuse_failed([*errors, FetchError("damaged", hint="mend it"), nowhere("c", ("", "gone"))], 4)
    assert in_few_words(failure.value).hint == (
        "look at the proxy; check the network; mend it; with -v each is told"
    )
