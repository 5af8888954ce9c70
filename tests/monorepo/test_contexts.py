"""Contexts follow from the lock and the duniverse, byte for byte; golden files for every target.

After a wanted change, `UPDATE_GOLDEN=1 pytest tests/monorepo/test_contexts.py` writes the golden files anew.
"""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from sexpdata import Symbol, loads

from builder.build import build
from builder.context import read_context
from builder.digest import file_digest, tree_digest
from builder.errors import ArtefactError
from builder.inputs import verify_inputs
from builder.preparation import Wishes
from builder.twice import build_twice
from monorepo.contexts import emit_contexts, plan_contexts
from monorepo.contexts.workspace import quoted, render_editor_workspace, render_workspace, workspace_language
from monorepo.document import Table
from monorepo.duniverse.expose import Shown
from monorepo.duniverse.stamp import stamp
from monorepo.duniverse.state import STATE, Vendored, source_digest, state_text
from monorepo.errors import DuniverseError, LockError, TargetError
from monorepo.lock.model import Kind, Lock, LockedPackage, LockedSource
from monorepo.targets.definition import Target
from monorepo.targets.reader import define_target, load_target, target_names
from solver.version import Version
from tests.builder.toolchains import make_toolchain

GOLDEN = Path(__file__).parent / "golden" / "contexts"
SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "context.schema.json").read_text(encoding="utf-8"))
FILES = {"mono.lock": f"sha256:{'1' * 64}", "duniverse/dune": f"sha256:{'2' * 64}"}
FOLDERS = {"duniverse/greet": f"sha256:{'3' * 64}"}


def make_lock(targets: tuple[Target, ...], *, ocaml: str = "5.4.1", dune: str | None = "3.17.2") -> Lock:
    names = tuple(target.name for target in targets)
    needs = (
        "greet {>= 1.0}",
        "ocaml",
        "ocamlfind",
        *(() if dune is None else ("dune | dune-of-another-name",)),
    )
    targets = tuple(replace(target, requires=()) for target in targets)  # of unikernels alone
    packages = [
        LockedPackage(
            *("greet", "1.0", Kind.VENDORED, "", names),
            repository="overlay",
            port_of="opam",
            licences=("ISC", "MIT"),
            directory="greet",
        ),
        LockedPackage("hello", "dev", Kind.ROOT, "", names, dependencies=("greet",), depends=needs),
        LockedPackage("ocaml", ocaml, Kind.COMPILER, "", names, flags=("compiler",)),
        LockedPackage("ocamlfind", "1.9.8", Kind.PROVIDED, "", names),
    ]
    if dune is not None:
        packages.insert(0, LockedPackage("dune", dune, Kind.PROVIDED, "", names))
    return Lock(
        project="hello",
        inputs="sha256:0",
        roots=("hello",),
        repositories=(),
        variables=(),
        targets=targets,
        packages=tuple(packages),
        sources=(
            LockedSource(
                "greet", "https://example.org/greet.tar.gz", ("greet",), checksums=(f"sha256={'0' * 64}",)
            ),
        ),
    )


@pytest.mark.parametrize("name", target_names())
@pytest.mark.parametrize("dune", ["2.9.3", "3.0.3", "3.17.2"])
def test_golden(name: str, dune: str) -> None:
    planned = plan_contexts(make_lock((load_target(name),), dune=dune), FILES, FOLDERS)
    assert list(planned) == [
        "contexts/.gitignore",
        "contexts/dune",
        f"contexts/{name}/context.json",
        f"contexts/{name}/dune-workspace",
    ]
    assert planned["contexts/dune"].endswith("\n(data_only_dirs *)\n")
    jsonschema.validate(json.loads(planned[f"contexts/{name}/context.json"]), SCHEMA)
    for file in ("context.json", "dune-workspace"):
        text = planned[f"contexts/{name}/{file}"]
        golden = GOLDEN / f"dune-{dune}" / f"{name}.{file}"
        if os.environ.get("UPDATE_GOLDEN"):
            golden.parent.mkdir(parents=True, exist_ok=True)
            golden.write_text(text, encoding="utf-8")
        assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("dune", "language"),
    [
        ("1.11", (2, 0)),
        ("2.7.1", (2, 7)),
        ("2.9.3", (2, 9)),
        ("3.0.0", (3, 0)),
        ("3.7.0~alpha1", (3, 7)),
        ("3.17.2", (3, 17)),
        ("3.24.1", (3, 17)),
        ("4.0", (3, 17)),
        ("dev", (2, 9)),
    ],
)
def test_the_language_of_workspaces(dune: str, language: tuple[int, int]) -> None:
    assert workspace_language(Version.parse(dune)) == language
    assert workspace_language(None) == (2, 9)


@pytest.mark.parametrize("name", target_names())
def test_a_workspace_is_what_dune_needs(name: str) -> None:
    target = load_target(name)
    text = render_workspace(target, (3, 17))
    assert text.startswith("(lang dune 3.17)\n")  # dune takes no comment before it
    stanzas = loads(f"({text})", line_comment=";")
    assert (
        stanzas[1] == [Symbol("context"), [Symbol("default")]]
        if target.context != "default"
        else len(stanzas) == 2
    )
    if target.context == "solo5":
        fields = stanzas[2][1]
        assert [Symbol("name"), Symbol("solo5")] in fields
        assert [Symbol("host"), Symbol("default")] in fields
        assert [Symbol("toolchain"), Symbol("solo5")] in fields
        assert "(disable_dynamically_linked_foreign_archives true)" in text
        assert "(link_flags (:standard" in text
        assert "(link_flags" not in render_workspace(target, (2, 9))


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("-z solo5-abi=hvt", '"-z solo5-abi=hvt"'),
        ('a "quoted" word', '"a \\"quoted\\" word"'),
        ("back\\slash", '"back\\\\slash"'),
        ("%{context}", '"\\%{context}"'),
        ("100%", '"100%"'),
    ],
)
def test_words_are_quoted_as_dune_reads_them(word: str, expected: str) -> None:
    assert quoted(word) == expected


@pytest.mark.ocaml
@pytest.mark.parametrize(
    "word", ["plain", "with blank", 'a "quote"', "back\\slash", "%{context}", "(x)", ";x", "é"]
)
def test_dune_reads_quoted_words_back(word: str, tmp_path: Path) -> None:
    (tmp_path / "dune-project").write_text("(lang dune 2.0)\n")
    rule = f"(rule (with-stdout-to said (echo {quoted(word)})))\n"
    (tmp_path / "dune").write_text(rule, encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    subprocess.run(["dune", "build", "--root", ".", "said"], cwd=tmp_path, env=environment, check=True)
    assert (tmp_path / "_build/default/said").read_text(encoding="utf-8") == word


def test_the_expected_versions_are_numbers() -> None:
    for ocaml, expected in (("5.4.1", "5.4.1"), ("5.4.1+options", "5.4.1"), ("5.5.0~rc1", "5.5.0")):
        lock = make_lock((load_target("host"),), ocaml=ocaml, dune="3.20.2-1")
        document = json.loads(plan_contexts(lock, FILES, FOLDERS)["contexts/host/context.json"])
        assert (document["toolchain"]["ocaml"], document["toolchain"]["dune"]) == (expected, "3.20.2")


def test_without_dune_or_ocaml_in_the_lock_any_will_do() -> None:
    lock = replace(make_lock((load_target("host"),)), packages=())
    document = json.loads(plan_contexts(lock, FILES, FOLDERS)["contexts/host/context.json"])
    assert (document["toolchain"]["ocaml"], document["toolchain"]["dune"]) == (None, None)


def test_only_what_belongs_to_a_target() -> None:
    host, hvt = load_target("host"), load_target("hvt")
    lock = make_lock((host, hvt))
    lock = replace(
        lock, packages=(*lock.packages, LockedPackage("ocaml-solo5", "1.1.0", Kind.PROVIDED, "", ("hvt",)))
    )
    planned = plan_contexts(lock, FILES, FOLDERS)
    packages = {
        name: json.loads(planned[f"contexts/{name}/context.json"])["toolchain"]["packages"]
        for name in ("host", "hvt")
    }
    assert packages == {
        "host": ["dune", "ocaml", "ocamlfind"],
        "hvt": ["dune", "ocaml", "ocaml-solo5", "ocamlfind"],
    }


# --- on disk ---------------------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path) -> Path:
    files = {
        "dune-project": "(lang dune 2.0)\n",
        "hello.opam": "",
        "dune": "(executable (name hello) (public_name hello) (package hello) (libraries greet))\n",
        "hello.ml": "let () = Greet.hello ()\n",
        "mono.lock": "a lock\n",
        "duniverse/dune": "(vendored_dirs *)\n",
        "duniverse/greet/dune-project": "(lang dune 2.0)\n",
        "duniverse/greet/greet.opam": "",
        "duniverse/greet/dune": "(library (name greet) (public_name greet))\n",
        "duniverse/greet/greet.ml": 'let hello () = print_endline "hello"\n',
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    note_pulled(tmp_path, make_lock((load_target("host"),)))
    return tmp_path


def note_pulled(project: Path, lock: Lock) -> None:
    """Leave duniverse/ as if it had been pulled for ``lock``."""
    notes = {
        source.directory: Vendored(source_digest(source), tree_digest(folder), stamp(folder), Shown({}, {}))
        for source in lock.sources
        for folder in [project / "duniverse" / source.directory]
    }
    (project / "duniverse" / STATE).write_text(state_text(notes), encoding="utf-8")


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_writes_what_it_planned(project: Path) -> None:
    lock = make_lock((load_target("host"), load_target("hvt")))
    folders = emit_contexts(lock, project)
    assert folders == (project / "contexts" / "host", project / "contexts" / "hvt")
    files = {name: file_digest(project / name) for name in ("mono.lock", "duniverse/dune")}
    for path, text in plan_contexts(
        lock, files, {"duniverse/greet": tree_digest(project / "duniverse/greet")}
    ).items():
        assert (project / path).read_text(encoding="utf-8") == text
    for folder in folders:
        verify_inputs(read_context(folder), project)


def test_writing_again_touches_nothing(project: Path) -> None:
    lock = make_lock((load_target("host"), load_target("spt")))
    emit_contexts(lock, project)
    before = snapshot(project)
    emit_contexts(lock, project)
    assert snapshot(project) == before


def test_removes_contexts_of_targets_that_went_and_nothing_else(project: Path) -> None:
    emit_contexts(make_lock((load_target("host"), load_target("spt"), load_target("hvt"))), project)
    contexts = project / "contexts"
    (contexts / "spt" / "_work").mkdir()
    (contexts / "spt" / "artefacts").mkdir()
    (contexts / "spt" / "build-record.json").write_text("{}")
    (contexts / "hvt" / "notes").write_text("mine")
    (contexts / "own").mkdir()
    (contexts / "own" / "context.json").write_text("not mono's")
    emit_contexts(make_lock((load_target("host"),)), project)
    assert sorted(path.name for path in contexts.iterdir()) == [".gitignore", "dune", "host", "hvt", "own"]
    assert [path.name for path in (contexts / "hvt").iterdir()] == ["notes"]
    assert (contexts / "own" / "context.json").exists()


def test_an_editors_workspace_is_written_unless_one_is_there(project: Path) -> None:
    lock = make_lock((load_target("host"),), dune="2.9.3")
    emit_contexts(lock, project)
    workspace = project / "dune-workspace"
    assert workspace.read_text(encoding="utf-8") == render_editor_workspace(lock.targets, (2, 9))
    emit_contexts(make_lock((load_target("host"),), dune="3.17.2"), project)
    assert workspace.read_text(encoding="utf-8").startswith("(lang dune 3.17)")
    workspace.write_text("(lang dune 2.0)\n; mine\n")
    emit_contexts(lock, project)
    assert workspace.read_text() == "(lang dune 2.0)\n; mine\n"


def test_merlin_follows_the_only_context_in_which_sources_are_enabled() -> None:
    solo5, host = load_target("hvt"), load_target("host")
    assert "merlin" not in render_editor_workspace((solo5, host), (3, 17))
    assert "solo5" not in render_editor_workspace((solo5, host), (3, 17))
    text = render_editor_workspace((solo5, load_target("spt")), (3, 17))
    assert text.count("(name solo5)") == text.count("(merlin)") == 1


@pytest.mark.parametrize(
    ("damage", "place", "reason"),
    [
        ("rm -r duniverse/greet", "duniverse/greet", "was not pulled"),
        ("rm -r duniverse", "duniverse/greet", "was not pulled"),
        ("mkdir duniverse/stray", "duniverse/stray", "is not in the lock"),
        (f"rm duniverse/{STATE}", "duniverse/greet", "was not pulled for this lock"),
    ],
)
def test_refuses_a_duniverse_that_is_not_the_locks(
    damage: str, place: str, reason: str, project: Path
) -> None:
    subprocess.run(damage.split(), cwd=project, check=True)
    with pytest.raises(DuniverseError, match=reason) as caught:
        emit_contexts(make_lock((load_target("host"),)), project)
    assert caught.value.place == place
    assert not (project / "contexts").exists()


def test_refuses_what_was_pulled_for_another_lock(project: Path) -> None:
    lock = make_lock((load_target("host"),))
    newer = replace(lock, sources=(replace(lock.sources[0], checksums=(f"sha256={'1' * 64}",)),))
    with pytest.raises(DuniverseError, match="was not pulled for this lock") as caught:
        emit_contexts(newer, project)
    assert (caught.value.place, caught.value.hint) == ("duniverse/greet", "run mono pull")
    assert not (project / "contexts").exists()


def test_warns_of_sources_that_were_changed(project: Path) -> None:
    warnings: list[str] = []
    lock = make_lock((load_target("host"),))
    emit_contexts(lock, project, warn=warnings.append)
    assert warnings == []
    (project / "duniverse/greet/greet.ml").write_text('let hello () = print_endline "changed"\n')
    (folder,) = emit_contexts(lock, project, warn=warnings.append)
    assert warnings == ["duniverse/greet was changed since it was pulled; the contexts take it as it is"]
    verify_inputs(read_context(folder), project)


def test_a_folder_of_the_projects_own_is_left(project: Path) -> None:
    (project / "contexts").mkdir()
    (project / "contexts/dune").write_text("(library (name contexts))\n")
    with pytest.raises(TargetError, match="is not mono's"):
        emit_contexts(make_lock((load_target("host"),)), project)
    assert [path.name for path in (project / "contexts").iterdir()] == ["dune"]
    assert (project / "contexts/dune").read_text() == "(library (name contexts))\n"


def test_refuses_without_a_lock_file(project: Path) -> None:
    (project / "mono.lock").unlink()
    with pytest.raises(LockError, match="cannot be read"):
        emit_contexts(make_lock((load_target("host"),)), project)


def test_a_project_without_dependencies_needs_no_duniverse(project: Path) -> None:
    subprocess.run(["rm", "-r", "duniverse"], cwd=project, check=True)
    emit_contexts(replace(make_lock((load_target("host"),)), sources=()), project)
    assert read_context(project / "contexts" / "host").inputs.folders == ()


@pytest.mark.ocaml
def test_an_emitted_context_builds(project: Path) -> None:
    versions = installed_versions()
    targets = (
        load_target("host"),
        define_target("static", Table({"base": "host", "link-flags": ["-ccopt", "-static"]})),
    )
    for folder in emit_contexts(
        make_lock(targets, ocaml=versions["ocamlopt"], dune=versions["dune"]), project
    ):
        build(folder, Wishes(os.environ))
        assert subprocess.check_output([folder / "artefacts" / "hello"], text=True) == "hello\n"
    described = subprocess.check_output(
        ["readelf", "-l", project / "contexts/static/artefacts/hello"], text=True
    )
    assert "INTERP" not in described
    environment = {"PATH": os.environ["PATH"], "HOME": str(project)}
    subprocess.run(["dune", "build", "--root", "."], cwd=project, env=environment, check=True)  # as by hand


@pytest.mark.ocaml
def test_a_solo5_context_builds_with_a_toolchain_of_that_name(
    project: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """findlib's toolchain ``solo5`` is the host's compiler here; everything around it is as for an image."""
    tools = make_toolchain(tmp_path_factory.mktemp("tools"), "solo5")
    (project / "dune-project").write_text("(lang dune 2.9)\n", encoding="utf-8")
    (project / "dune").write_text(
        """
(executable (enabled_if (= %{context_name} "solo5")) (name hello) (libraries greet))
(rule (target hello.hvt) (enabled_if (= %{context_name} "solo5")) (action (copy hello.exe %{target})))
""",
        encoding="utf-8",
    )
    (project / "dist").mkdir()
    (project / "dist" / "dune").write_text(
        """
(rule (mode (promote (until-clean))) (target hello.hvt) (enabled_if (= %{context_name} "solo5"))
 (action (copy ../hello.hvt %{target})))
""",
        encoding="utf-8",
    )
    versions = installed_versions()
    lock = make_lock((load_target("hvt"),), ocaml=versions["ocamlopt"], dune=versions["dune"])
    (folder,) = emit_contexts(lock, project)
    path = f"{tools}:{os.environ['PATH']}"
    record = build_twice(folder, Wishes({"PATH": path}))
    assert [(artefact.name, artefact.source) for artefact in record.artefacts] == [
        ("hello.hvt", "solo5/dist/hello.hvt")
    ]
    assert subprocess.check_output([folder / "artefacts" / "hello.hvt"], text=True) == "hello\n"
    assert not (project / "dist" / "hello.hvt").exists()  # nothing is promoted
    assert {tool.name for tool in record.installation.tools} >= {"ocamlfind", "ocamlopt", "solo5-elftool"}

    (tools / "solo5-elftool").write_text(
        "#!/bin/sh\necho 'No Solo5 ABI note found'; exit 1\n", encoding="utf-8"
    )
    with pytest.raises(ArtefactError, match='does not answer "target": "hvt"') as caught:
        build(folder, Wishes({"PATH": path}))
    assert caught.value.details == ("No Solo5 ABI note found",)


def installed_versions() -> dict[str, str]:
    return {
        tool: subprocess.check_output([tool, option], text=True).strip()
        for tool, option in (("ocamlopt", "-version"), ("dune", "--version"))
    }
