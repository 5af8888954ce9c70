"""mono.toml: what it may say, what holds where it says nothing, and where an error is."""

from __future__ import annotations

import json
import re
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monorepo.errors import ManifestError
from monorepo.manifest import DEFAULT_REPOSITORIES, Manifest, load_manifest, parse_constraint
from monorepo.repository_url import RepositoryKind
from monorepo.targets.reader import load_target
from solver.formula import AllOf, Constraint, Text

DOCUMENT = Path(__file__).parents[2] / "docs" / "mono-toml.md"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with one root and no mono.toml."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "hello.opam").write_text('opam-version: "2.0"\n', encoding="utf-8")
    return folder


def load(project: Path, text: str) -> Manifest:
    (project / "mono.toml").write_text(text, encoding="utf-8", newline="")
    return load_manifest(project)


def refused(project: Path, text: str) -> ManifestError:
    with pytest.raises(ManifestError) as caught:
        load(project, text)
    return caught.value


def test_without_a_file_the_defaults_hold(project: Path) -> None:
    (project / "again.opam").write_text("", encoding="utf-8")
    (project / "deeper").mkdir()
    (project / "deeper" / "other.opam").write_text("", encoding="utf-8")
    manifest = load_manifest(project)
    assert manifest.project == "again"
    assert [(root.name, root.file) for root in manifest.roots] == [
        ("again", "again.opam"),
        ("hello", "hello.opam"),
    ]
    assert [(setting.name, setting.url) for setting in manifest.repositories] == list(DEFAULT_REPOSITORIES)
    assert manifest.targets == (load_target("host"),)
    assert manifest.restrictions == () and manifest.stated == frozenset()


def test_an_empty_file_says_as_little_as_none(project: Path) -> None:
    assert load_manifest(project) == load(project, "")


def test_without_any_root_there_is_nothing_to_do(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="no opam file"):
        load_manifest(tmp_path)


def test_the_documented_example_means_what_it_says(project: Path) -> None:
    example = re.findall(r"```toml\n(.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)[0]
    manifest = load(project, example)
    assert manifest.project == "hello"
    assert [repository.name for repository in manifest.repositories] == ["dune-universe", "opam", "ours"]
    overlays, _, ours = manifest.repositories
    assert overlays.kind is RepositoryKind.GIT
    assert overlays.location == "https://github.com/dune-universe/opam-overlays.git"
    assert ours.path == project / "repository"
    assert manifest.ocaml is not None
    assert manifest.ocaml.condition == Constraint(">=", Text("5.2"))
    (lwt,) = manifest.constraints
    assert lwt.name == "lwt"
    assert lwt.condition == AllOf((Constraint(">=", Text("5.6")), Constraint("<", Text("6"))))
    line = int(lwt.place.removeprefix("mono.toml:"))
    assert "lwt" in example.split("\n")[line - 1]
    assert manifest.provided == ("ocamlfind",)
    assert manifest.variables == (("monorepo", "opam-monorepo"),)
    assert manifest.targets == (load_target("host"),)
    assert manifest.archive_mirrors == ("file:///srv/archives", "https://mirror.example/cache")


def test_every_documented_key_is_known_and_every_known_key_documented(project: Path) -> None:
    documented = set(
        re.findall(
            r"^### `(?:\[+[A-Za-z]+\]+ )?([a-z-]+)`", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE
        )
    )
    known: set[str] = set()
    for section in ("", "[project]\n", "[[repositories]]\n", "[solve]\n", "[mirrors]\n"):
        hint = refused(project, f"{section}zzzzzzzz = 1").hint
        known |= set(hint.removeprefix("known here: ").split(", "))
    assert documented >= known - {"project", "repositories", "solve", "mirrors", "targets", "variables"}
    assert {"build"} <= documented


REFUSED = [
    # what mono.toml says, the line, a part of the reason, a part of the hint
    ('[project]\nnmae = "x"', 2, '"nmae" is no key of [project]', 'did you mean "name"?'),
    ('\n\n[projet]\nname = "x"', 3, '"projet" is no key of the file', 'did you mean "project"?'),
    ("zzz = 1", 1, '"zzz" is no key of the file', "known here: mirrors, project"),
    ('project = "x"', 1, "project must be a table, not a string", ""),
    ("[project]\nname = 3", 2, "project.name must be a string, not a number", ""),
    ('[project]\nname = "a b"', 2, '"a b" cannot name a project', "letters"),
    ('[project]\nroots = "hello"', 2, "project.roots must be an array of strings, not a string", ""),
    (
        '[project]\nroots = [\n  "hello",\n  true,\n]',
        4,
        "project.roots[2] must be a string, not true or false",
        "",
    ),
    ('[project]\nroots = ["helo"]', 2, "there is no helo.opam in the tree", 'did you mean "hello"?'),
    ("[project]\nroots = []", 2, "at least one root", ""),
    ('[project]\nroots = ["hello", "hello"]', 2, '"hello" is there twice', ""),
    ('[project]\nroots = ["../hello"]', 2, "cannot name a package", ""),
    ("repositories = 3", 1, "repositories must be an array of tables", ""),
    ('[repositories]\nname = "a"\nurl = "r"', 1, "not a table", "write [[repositories]] above each"),
    ('[repositories]\nname = "a"\n[repositories]', 3, "[repositories] is there twice", "toml.io"),
    ('[targets.a]\nbase = "hvt"\n[targets.a]', 3, "[targets.a] is there twice", "toml.io"),
    ('[solve\nocaml = "5"', 1, "the name of a table is not closed with ]", "toml.io"),
    ('[[repositories]\nname = "a"', 1, "the name of a table is not closed with ]]", "toml.io"),
    ('[solve]\nocaml = "5"\nocaml = "4"', 3, "this has a value already", "toml.io"),
    ('[solve]\nocaml = ">= 5\n', 2, "a string is not closed with its quote", "toml.io"),
    ('[solve]\nprovided = ["a"\n[targets]', 3, "an array is not closed: ] or a comma", "toml.io"),
    ("[solve]\nocaml = >= 5", 2, "this is no value: a text stands in quotes", "toml.io"),
    ("repositories = []", 1, "nothing to choose from", ""),
    ('[[repositories]]\nname = "a"', 1, '[repositories[1]] has no "url"', "add url"),
    (
        '[[repositories]]\nname = "a"\nurl = "r"\n[[repositories]]\nname = "a"\nurl = "r"',
        5,
        "two repositories",
        "",
    ),
    ('[[repositories]]\nname = "a/b"\nurl = "r"', 2, '"a/b" cannot name a repository', ""),
    (
        '[[repositories]]\nname = "a"\nurl = "r"\nurll = "r"',
        4,
        '"urll" is no key of [repositories[1]]',
        '"url"',
    ),
    ('[[repositories]]\nname = "a"\nurl = "git://h/r"', 3, "git:// is not taken", "git+https://"),
    ('[[repositories]]\nname = "a"\nurl = "ftp://h/r"', 3, "no url of a repository", "known are"),
    ('[[repositories]]\nname = "a"\nurl = "git@h:r.git"', 3, "no url of a repository", "known are"),
    ('[[repositories]]\nname = "a"\nurl = "https://h/r.git"', 3, "is no archive", "for git write git+https"),
    ('[[repositories]]\nname = "a"\nurl = "git+https:///r"', 3, "names no host", ""),
    ('[[repositories]]\nname = "a"\nurl = "git+https://h/r#"', 3, "nothing follows the #", ""),
    (
        '[[repositories]]\nname = "a"\nurl = "git+https://h/r#--upload-pack=x"',
        3,
        "no branch, tag or commit",
        "",
    ),
    ('[[repositories]]\nname = "a"\nurl = "git+https://me:secret@h/r"', 3, "password", ""),
    ('[[repositories]]\nname = "a"\nurl = "file:///r"', 3, "is no archive", "leave file:// out"),
    ('[[repositories]]\nname = "a"\nurl = "file://other/r.zip"', 3, "absolute path", ""),
    ('[[repositories]]\nname = "a"\nurl = ""', 3, "is empty", ""),
    ('[solve]\nocaml = "5.2"', 2, '"5.2" compares 5.2 with nothing', "write = 5.2, or >= 5.2"),
    ('[solve]\nocaml = "5.2 or so"', 2, '"5.2 or so" is no bound', ">= "),
    ('[solve]\nconstraints = ["lwt >= 5.6"]', 2, '"lwt >= 5.6" is no bound', "lwt {>= 5.6}"),
    ('[solve]\nconstraints = ["lwt {5.6.1}"]', 2, "compares 5.6.1 with nothing", "write = 5.6.1"),
    ('[solve]\nocaml = ""', 2, "bounds nothing", ""),
    ('[solve]\nconstraints = [\n  "lwt",\n]', 3, '"lwt" bounds nothing', "opam file"),
    ('[solve]\nocaml = "5"', 2, '"5" compares 5 with nothing', "write = 5, or >= 5"),
    ('[solve]\nconstraints = ["lwt {\\"5.6.0\\"}"]', 2, "compares 5.6.0 with nothing", "write = 5.6.0"),
    ('[solve]\nconstraints = ["lwt {"]', 2, "expected", "lwt {"),
    ('[solve]\nconstraints = ["lwt | re {>= 1}"]', 2, "one package", "lwt {"),
    ('[solve]\nprovided = ["ocamlfind {>= 1}"]', 2, "cannot name a package", "solve.constraints"),
    ("[variables]\nx = 1.5", 2, "variables.x must be a string", ""),
    ('[variables]\n"a b" = "c"', 2, '"a b" cannot name an opam variable', ""),
    ("[targets]\nbuild = []", 2, "no target to build for", ""),
    ('[targets]\nbuild = ["host", "host"]', 2, '"host" is there twice', ""),
    ('[targets]\nbuild = ["hots"]', 2, 'there is no target "hots"', 'did you mean "host"?'),
    ('[targets]\nbuild = [\n"host",\n"genode"]', 4, "does not build for genode", ""),
    ("[targets]\nmine = 3", 2, "targets.mine must be a table", ""),
    (
        '[targets.host]\ntools = []\nartefcats = ["x"]',
        3,
        '"artefcats" is no key of [targets.host]',
        'did you mean "artefacts"?',
    ),
    (
        '[targets]\nbuild = ["host"]\n[solve]\n[targets.mine]\nbase = "hvtt"',
        5,
        'no target "hvtt"',
        'did you mean "hvt"?',
    ),
    ('[targets.mine]\nbuild = ["x"]', 1, "mine has no artefacts", "base ="),
    ('[targets.mine]\nbase = "hvt"\n[[targets.mine.checks]]\ntool = 3', 4, "must be a string", ""),
    ("[targets.host.variables]\nos = 1.5", 2, "targets.host.variables.os must be a string", ""),
    ('[mirrors]\narchives = ["ftp://h"]', 2, "cannot be a mirror", ""),
    ('[mirrors]\narchives = ["https://me:secret@h/"]', 2, "cannot be a mirror", ""),
    ('[mirrors]\nsoftware-heritage = "file:///srv"', 2, "cannot be asked for sources", "api/1"),
    ('[mirrors]\nsoftware-heritage = "https://me:secret@h/api/1"', 2, "cannot be asked", "api/1"),
    ('[mirrors]\nsoftware-heritage = ["https://h/api/1"]', 2, "must be a string", ""),
    ('requires-mono = ">=99"', 1, "this project asks for mono >=99", "install"),
    ('requires-mono = "new"', 1, '"new" is no range of versions', "PEP 440"),
    ('requires-mono = ">=99"\nfrom-the-future = 1', 1, "this project asks for mono >=99", ""),
    ('[project]\nname = "x', 2, "", "TOML"),
    ("[[[[[[", 1, "", ""),
    (f"a = {'[' * 20000}", 1, "", ""),
    (f"a = {'1' * 20000}", 1, "", ""),
]


@pytest.mark.parametrize(("text", "line", "reason", "hint"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_wrong_is_told_with_its_line(
    project: Path, text: str, line: int, reason: str, hint: str
) -> None:
    error = refused(project, text)
    assert error.place.split(":")[:2] == ["mono.toml", str(line)], error
    assert reason in error.reason
    assert hint in error.hint


def test_a_file_that_is_not_utf_8_is_told_with_its_line(project: Path) -> None:
    (project / "mono.toml").write_bytes(b'[project]\nname = "\xff"\n')
    with pytest.raises(ManifestError, match=r"mono\.toml:2: this line is not UTF-8"):
        load_manifest(project)


def test_two_opam_files_of_one_name_are_told(project: Path) -> None:
    for folder in ("a", "b", "_build", "duniverse", ".hidden"):
        (project / folder).mkdir()
        (project / folder / "deep.opam").write_text("", encoding="utf-8")
    error = refused(project, '[project]\nroots = ["deep"]')
    assert error.reason == "deep has more than one opam file: a/deep.opam, b/deep.opam"


def test_roots_are_found_in_the_tree(project: Path) -> None:
    (project / "unikernel").mkdir()
    (project / "unikernel" / "deep.opam").write_text("", encoding="utf-8")
    manifest = load(project, '[project]\nroots = ["hello", "deep"]')
    assert [root.file for root in manifest.roots] == ["unikernel/deep.opam", "hello.opam"]
    assert manifest.project == "deep"


URLS = [
    ("git+https://h/r.git", RepositoryKind.GIT, "https://h/r.git", None),
    ("git+https://h/r.git#main", RepositoryKind.GIT, "https://h/r.git", "main"),
    ("git+ssh://git@h/r.git#v1.0", RepositoryKind.GIT, "ssh://git@h/r.git", "v1.0"),
    ("git+file:///srv/r", RepositoryKind.GIT, "file:///srv/r", None),
    ("https://h/r.tar.gz", RepositoryKind.ARCHIVE, "https://h/r.tar.gz", None),
    ("http://h:8080/r.zip?x=1", RepositoryKind.ARCHIVE, "http://h:8080/r.zip?x=1", None),
    ("file:///srv/my%20repo.tar.xz", RepositoryKind.ARCHIVE, "/srv/my repo.tar.xz", None),
    ("archives/r.tbz", RepositoryKind.ARCHIVE, "archives/r.tbz", None),
    ("../repository", RepositoryKind.FOLDER, "../repository", None),
    ("/srv/repository", RepositoryKind.FOLDER, "/srv/repository", None),
]


@pytest.mark.parametrize(("url", "kind", "location", "reference"), URLS, ids=[url for url, *_ in URLS])
def test_urls(project: Path, url: str, kind: RepositoryKind, location: str, reference: str | None) -> None:
    (setting,) = load(project, f'[[repositories]]\nname = "r"\nurl = "{url}"').repositories
    assert (setting.url, setting.kind, setting.reference) == (url, kind, reference)
    if setting.path is None:
        assert setting.location == location
    else:
        assert setting.path == project / location


def test_mirrors_may_be_relative(project: Path) -> None:
    assert load(project, '[mirrors]\narchives = ["archives", "../up/there"]').archive_mirrors == (
        "archives",
        "../up/there",
    )


def test_software_heritage_is_asked_only_where_it_is_named(project: Path) -> None:
    assert load(project, "").software_heritage == ""
    manifest = load(project, '[mirrors]\nsoftware-heritage = "https://archive.example/api/1"')
    assert manifest.software_heritage == "https://archive.example/api/1"
    assert manifest.digest_material != load(project, "").digest_material


def test_variables_are_opams(project: Path) -> None:
    manifest = load(project, '[variables]\nz = ["a", "b"]\nn = 3\nt = true\ns = "x"')
    assert manifest.variables == (("n", "3"), ("s", "x"), ("t", True), ("z", "a b"))


def test_a_project_has_targets_of_its_own(project: Path) -> None:
    manifest = load(
        project,
        '[targets]\nbuild = ["unix", "mine"]\n\n[targets.mine]\nbase = "host"\n[targets.mine.variables]\nos = "x"\n',
    )
    mine, unix = manifest.targets
    assert (mine.name, mine.build) == ("mine", load_target("host").build)
    assert dict(mine.variables) == {**dict(load_target("host").variables), "os": "x"}
    assert unix == load_target("unix")


def test_versions_need_no_quotes() -> None:
    plain = parse_constraint("lwt {>= 5.6 & < 6~ | = 2.1+dune}", "here:1")
    quoted = parse_constraint('lwt {>= "5.6" & < "6~" | = "2.1+dune"}', "here:1")
    assert plain.condition == quoted.condition


def test_the_digest_sees_meaning_alone(project: Path) -> None:
    one = load(project, '[variables]\na = "1"\nb = "2"\n[project]\nname = "x"\n')
    other = load(project, '# a word\n[project]\nname = \'x\'\n[variables]\nb = "2"\na = "1"\n')
    assert one.digest_material == other.digest_material
    assert one.digest_material != replace(one, targets=(load_target("hvt"),)).digest_material
    assert (
        one.digest_material
        != load(project, '[variables]\na = "1"\nb = "3"\n[project]\nname = "x"\n').digest_material
    )


values = st.recursive(
    st.text(max_size=8)
    | st.integers(-9, 9)
    | st.booleans()
    | st.sampled_from(["hello", "host", ">= 5", "lwt {>= 5}"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["name", "url", "x", "build"]), inner, max_size=3)
    ),
    max_leaves=6,
)
keys = st.sampled_from(
    [
        "project",
        "repositories",
        "solve",
        "variables",
        "targets",
        "mirrors",
        "roots",
        "name",
        "url",
        "ocaml",
        "constraints",
        "provided",
        "build",
        "archives",
        "software-heritage",
        "mien",
    ]
)
documents = st.dictionaries(
    keys,
    values
    | st.dictionaries(keys, values, max_size=3)
    | st.lists(st.dictionaries(keys, values, max_size=3), max_size=2),
    max_size=4,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(documents)
def test_every_refusal_has_a_line_that_is_there(project: Path, document: dict[str, object]) -> None:
    import tomli_w

    text = tomli_w.dumps(document)
    assert tomllib.loads(text) == document
    try:
        load(project, text)
    except ManifestError as error:
        file, line = error.place.split(":")
        assert file == "mono.toml"
        assert 1 <= int(line) <= max(1, text.count("\n"))
        assert error.reason
        quoted = re.match(r'"(.*)" is no key of', error.reason)
        if quoted:
            assert json.dumps(quoted[1], ensure_ascii=False)[1:-1] in text.split("\n")[int(line) - 1]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.text(alphabet="[]{}\"=\n.,# 'abc123\\é\r\t", max_size=60))
def test_any_text_is_taken_or_refused_at_a_line(project: Path, text: str) -> None:
    (project / "mono.toml").write_bytes(text.encode("utf-8"))
    try:
        load_manifest(project)
    except ManifestError as error:
        assert re.match(r"mono\.toml:[1-9][0-9]*(:[1-9][0-9]*)?$", error.place)
