# Makes upstream/, a git repository of packages with a longer history, and a project that takes all from there.
set -e
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@example.org GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@example.org
day=0

commit() {
    day=$((day + 1))
    git add --all
    when=$(printf '2025-01-%02dT12:00:00Z' $day)
    GIT_AUTHOR_DATE="$when" GIT_COMMITTER_DATE="$when" git commit --quiet --message "$1"
}

beside() {
    mkdir -p "packages/$1/$1.1"
    sed "s/greet/$1/" ../greet.1.1.0/opam > "packages/$1/$1.1/opam"
    commit "Add $1"
}

mkdir upstream
mv repository/packages upstream/
mv upstream/packages/greet/greet.1.1.0 .
cd upstream
git init --quiet --initial-branch=main
commit "Begin"
for name in ape bee cat dog; do beside $name; done
mkdir packages/greet/greet.1.1.0
cp ../greet.1.1.0/opam packages/greet/greet.1.1.0/
for opam in packages/ocaml*/*/opam; do echo '# seen' >> $opam; done
commit "Add greet 1.1.0"
beside eel
rm -r packages/cat
commit "Withdraw cat"
beside fox
git tag before
for opam in packages/greet/*/opam; do sed 's/{>= "2.0"}/{>= "4.0"}/' $opam > new && mv new $opam; done
commit "Let greet need dune 4"
for name in gnu hen; do beside $name; done
cd ..
printf '[[repositories]]\nname = "main"\nurl = "git+file://%s/upstream"\n\n' "$PWD" > main.toml
printf '[[repositories]]\nname = "second"\nurl = "git+file://%s/upstream"\n\n' "$PWD" > second.toml
printf '[[repositories]]\nname = "own"\nurl = "own"\n\n' > own.toml
mkdir -p own/packages/unused/unused.1
printf 'opam-version: "2.0"\n' > own/packages/unused/unused.1/opam
cat main.toml own.toml > mono.toml
