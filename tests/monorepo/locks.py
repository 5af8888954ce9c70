"""Locks for tests: a strategy for every lock there can be, and one of a given size."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from monorepo.lock.format import canonical
from monorepo.lock.model import (
    ExtraFile,
    ExtraSource,
    Kind,
    Lock,
    LockedPackage,
    LockedRepository,
    LockedSource,
    Substitution,
    SystemPackages,
)
from monorepo.targets.definition import Check, Companion, Step, Target

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=12)
names = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)
files = st.from_regex(r"[a-z]{1,5}(/[a-z]{1,5}){0,2}\.[a-z]{1,5}", fullmatch=True)
commits = st.text("0123456789abcdef", min_size=40, max_size=40)
sha256s = st.text("0123456789abcdef", min_size=64, max_size=64)
digests = sha256s.map("sha256:{}".format)
checksums = st.lists(
    sha256s.map("sha256={}".format)
    | st.text("0123456789abcdef", min_size=32, max_size=32).map("md5={}".format),
    min_size=1,
    max_size=2,
).map(tuple)
values = st.booleans() | words


def several(part: st.SearchStrategy[str], *, least: int = 0) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(part, min_size=least, max_size=3, unique=True).map(tuple)


variables = st.dictionaries(names, values, max_size=3).map(lambda held: tuple(sorted(held.items())))


def targets(name: str) -> st.SearchStrategy[Target]:
    return st.builds(
        Target,
        name=st.just(name),
        description=words,
        variables=variables,
        context=names,
        toolchain=st.none() | names,
        requires=several(words),
        provided=several(names),
        link_flags=several(words),
        c_flags=several(words),
        disable_dynamic_archives=st.booleans(),
        build=several(words),
        artefacts=several(words),
        checks=st.lists(st.builds(Check, words, several(words), words), max_size=2).map(tuple),
        steps=st.lists(st.builds(Step, words, several(words), names), max_size=2).map(tuple),
        companions=st.lists(
            st.builds(Companion, names, text=words) | st.builds(Companion, names, file=names), max_size=2
        ).map(tuple),
        tools=several(names),
    )


@st.composite
def locks(draw: st.DrawFn) -> Lock:
    """Any lock that keeps the model's invariants, in canonical order."""
    package_names = draw(st.lists(names, min_size=1, max_size=6, unique=True))
    target_names = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    repository_names = draw(st.lists(names, min_size=1, max_size=3, unique=True))
    directories = draw(
        st.lists(names.filter(lambda name: name != "dune"), min_size=1, max_size=4, unique=True)
    )
    kinds = {name: draw(st.sampled_from(list(Kind))) for name in package_names}
    homes = {
        name: draw(st.sampled_from(directories)) for name in package_names if kinds[name] is Kind.VENDORED
    }
    packages = tuple(
        LockedPackage(
            name=name,
            version=draw(words),
            kind=kinds[name],
            reason=draw(words),
            targets=draw(several(st.sampled_from(target_names), least=1)),
            host_for=draw(several(st.sampled_from(target_names))),
            dependencies=draw(several(st.sampled_from(package_names))),
            repository=draw(st.none() | st.sampled_from(repository_names)),
            port_of=draw(st.none() | st.sampled_from(repository_names)),
            metadata=draw(st.just("") | digests),
            licences=draw(several(words)),
            directory=homes.get(name),
            flags=draw(several(names)),
            depends=draw(several(words)),
            conflicts=draw(several(words)),
            conflict_class=draw(several(names)),
            available=draw(st.just("") | words),
        )
        for name in package_names
    )
    packages = tuple(version for package in packages for version in draw(_versions(package)))
    lock = Lock(
        project=draw(words),
        inputs=draw(digests),
        roots=tuple(name for name in package_names if kinds[name] is Kind.ROOT),
        repositories=tuple(draw(_repositories(name)) for name in repository_names),
        variables=draw(variables),
        targets=tuple(draw(targets(name)) for name in target_names),
        packages=packages,
        sources=tuple(draw(_sources(directory, homes)) for directory in sorted(set(homes.values()))),
        system_packages=draw(
            st.lists(
                st.builds(SystemPackages, words | st.just(""), several(names), several(names)), max_size=2
            ).map(tuple)
        ),
        archive_mirrors=draw(several(words)),
        software_heritage=draw(st.just("") | words),
        asked=draw(several(words)),
        constraints=draw(several(words)),
        preparation=draw(st.integers(1, 9)),
    )
    return canonical(lock)


def _versions(package: LockedPackage) -> st.SearchStrategy[tuple[LockedPackage, ...]]:
    """The package, or two versions of it that divide its targets among them."""
    first, *others = package.used_for
    if not others or package.kind is Kind.ROOT:
        return st.just((package,))
    one = replace(package, targets=(first,), host_for=())
    other = replace(package, version=f"{package.version}+", targets=(), host_for=tuple(others))
    return st.sampled_from(((package,), (one, other)))


def _repositories(name: str) -> st.SearchStrategy[LockedRepository]:
    by_commit = st.builds(LockedRepository, name=st.just(name), url=words, commit=commits)
    return by_commit | st.builds(LockedRepository, name=st.just(name), url=words, content=digests)


def _sources(directory: str, homes: dict[str, str]) -> st.SearchStrategy[LockedSource]:
    common = {
        "directory": st.just(directory),
        "url": words,
        "packages": st.just(tuple(sorted(name for name, home in homes.items() if home == directory))),
        "mirrors": several(words),
        "subpath": st.none() | files,
        "extra_sources": st.lists(
            st.builds(ExtraSource, files, words, several(words), checksums), max_size=2
        ).map(tuple),
        "extra_files": st.lists(st.builds(ExtraFile, files, sha256s), max_size=2).map(tuple),
        "patches": several(files),
        "tree": st.just("") | digests,
        "substitutions": st.lists(st.builds(Substitution, files, variables), max_size=2).map(tuple),
    }
    return (
        st.builds(LockedSource, **common, checksums=checksums)
        | st.builds(LockedSource, **common, commit=commits)
        | st.builds(LockedSource, **common, unverified=st.just(True))
    )


def lock_of(size: int) -> Lock:
    """A lock of ``size`` vendored packages, each with a source, beside a root."""
    package_names = [f"package-{number:03}" for number in range(size)]
    root = LockedPackage(
        name="app",
        version="dev",
        kind=Kind.ROOT,
        reason="the project's own",
        targets=("host",),
        dependencies=tuple(package_names),
        depends=tuple(package_names),
    )
    return canonical(
        Lock(
            project="app",
            inputs="sha256:" + "a" * 64,
            roots=("app",),
            repositories=(LockedRepository("opam", "git+https://example.org/opam.git", "c" * 40),),
            variables=(("monorepo", "opam-monorepo"),),
            targets=(Target("host", "plain programs", (("os", "linux"),), "default", None),),
            packages=(
                root,
                *(
                    LockedPackage(
                        name=name,
                        version="1.2.3",
                        kind=Kind.VENDORED,
                        reason="it builds with dune",
                        targets=("host",),
                        dependencies=tuple(package_names[max(0, position - 8) : position]),
                        repository="opam",
                        metadata="sha256:" + "b" * 64,
                        directory=name,
                        depends=tuple(package_names[max(0, position - 8) : position]),
                    )
                    for position, name in enumerate(package_names)
                ),
            ),
            sources=tuple(
                LockedSource(
                    directory=name,
                    url=f"https://example.org/{name}/releases/download/1.2.3/{name}-1.2.3.tbz",
                    packages=(name,),
                    checksums=("sha256=" + "d" * 64, "sha512=" + "e" * 128),
                )
                for name in package_names
            ),
        )
    )
