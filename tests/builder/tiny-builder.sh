#!/bin/sh
# tiny-builder.sh CONTEXT WORK: a builder that knows of contexts what docs/context-format.md says, and no more.
# It builds in a sandbox of bubblewrap, in the folder WORK, which is absent; what comes out is in WORK/artefacts.
set -eu
context=$(cd "$1" && pwd) work=$(mkdir -p "$2/dune" "$2/artefacts" && cd "$2" && pwd) tab=$(printf '\t')
ask() { jq -r "$@" "$context/context.json"; }
rows() { ask "$1 | @tsv" | while IFS=$tab read -r one two; do "$2" "$one" "$two"; done; }
fail() { echo "tiny-builder: $*" >&2 && exit 1; }
sha() { sha256sum | cut -d ' ' -f 1; }
tree() (
  cd "$1" && find . -type f -o -type l | sed 's|^\./||' | LC_ALL=C sort | while IFS= read -r path; do
    if [ -L "$path" ]; then printf 'l %s %s\0' "$(printf %s "$(readlink "$path")" | sha)" "$path"
    elif [ -x "$path" ]; then printf 'x %s %s\0' "$(sha <"$path")" "$path"
    else printf 'f %s %s\0' "$(sha <"$path")" "$path"; fi
  done | sha
)
same_file() { [ "sha256:$(sha <"$1")" = "$2" ] || fail "$1 is not what it was"; }
same_folder() { [ "sha256:$(tree "$1")" = "$2" ] || fail "$1 is not what it was"; }
inputs='.inputs | (.files, .folders, .moved | keys[]), .hidden[]'
no_stray() { ask "$inputs" | grep -qxF "$1" || fail "$1 is a stray"; }
version() { [ "$($1 | grep -o '^[0-9.]*')" = "$2" ] || fail "$1 does not answer $2"; }
check() { expected=$1 && shift && "$@" 2>&1 | grep -qF -- "$expected" || fail "$* does not answer $expected"; }
finish() { # FILE NAME STEM: what is asked of an artefact, made of it, and put beside it
  eval "$(ask --arg path "$1" --arg file "$2" --arg name "$3" --arg beside "$work/artefacts" '
    def put($artefact): gsub("%\\{artefact\\}"; $artefact) | gsub("%\\{name\\}"; $name);
    (.checks[] | ["check", .expected, .tool, (.arguments[] | put($path))] | @sh),
    (.steps[] | "\($beside)/\(.output | put($path))" as $output
      | [.tool, (.arguments[] | put($path) | gsub("%\\{output\\}"; $output))] | @sh),
    (.companions[] | "\($beside)/\(.name | put($file))" as $new
      | if .file then ["cp", .file, $new] | @sh else "printf %s \(.text | put($file) | @sh) >\($new | @sh)" end)')"
}
[ "$(ask '"\(.format) \(.version)"')" = "mono-context 3" ] || fail "$1 is no context of version 3"
cd "$context/$(ask .project.folder)"
rows '.inputs.files | to_entries[] | [.key, .value]' same_file
rows '.inputs | .moved as $moved | .folders | to_entries[] | [$moved[.key] // .key, .value]' same_folder
for closed in $(ask '.inputs.closed[]'); do for entry in "$closed"/*; do no_stray "$entry"; done; done
rows '.toolchain | ["dune --version", .dune], ["ocamlopt -version", .ocaml] | select(.[1])' version
cp -a . "$work/sources"
laid_out='.inputs | (.hidden[] | ["rm", "-r", .]), (.moved | to_entries[] | ["mv", .value, .key]) | @sh'
(cd "$work/sources" && eval "$(ask "$laid_out")")
sources=$(ask .sandbox.sources) build=$(ask .sandbox.build) home=$(ask .sandbox.home)
eval "set -- $(ask '[.environment | to_entries[] | "--setenv", .key, .value] | @sh')"
for top in /*; do
  case $top in /dev | /proc | /run | /sys | /tmp) ;; *) set -- "$@" --ro-bind "$top" "$top" ;; esac
done
eval "run_dune() { bwrap \"\$@\" -- dune $(ask '.dune.arguments | @sh') --build-dir $build; }"
run_dune --unshare-net --unshare-pid --clearenv "$@" --setenv PATH "$PATH" --setenv HOME "$home" --setenv TMPDIR /tmp \
  --proc /proc --dev /dev --tmpfs /tmp --dir "$home" --ro-bind "$work/sources" "$sources" --bind "$work/dune" "$build" \
  --chdir "$sources"
own() { find "$work/dune" -name "$1.install" -exec cat {} +; }
listed=$(rows '.toolchain.name as $name | .project.packages[] | [.], ["\(.)-\($name)"]' own)
for glob in $(ask '.artefacts[]'); do
  for file in "$work/dune"/$glob; do
    name=${file##*/}
    case $glob,$listed in install/*, | install/*,*"/${file#"$work/dune/"}\""*) ;; install/*) continue ;; esac
    cp -L "$file" "$work/artefacts/$name" # cp fails where the glob matched nothing
    finish "$work/artefacts/$name" "$name" "${name%.*}"
  done
done
