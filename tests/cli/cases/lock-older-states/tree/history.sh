# Makes upstream/, a git repository of packages: greet 1.0.0, then 1.1.0 in a merge, then it is withdrawn.
set -e
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@example.org GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@example.org

commit() {
    git add --all
    GIT_AUTHOR_DATE="$1" GIT_COMMITTER_DATE="$1" git commit --quiet --message "$2"
}

mkdir upstream
mv repository/packages upstream/
mv upstream/packages/greet/greet.1.1.0 .
cd upstream
git init --quiet --initial-branch=main
commit 2025-01-10T12:00:00Z "Begin with greet 1.0.0"
git checkout --quiet -b release
mv ../greet.1.1.0 packages/greet/
commit 2025-02-01T12:00:00Z "Add greet 1.1.0"
git checkout --quiet main
GIT_AUTHOR_DATE=2025-03-01T23:30:00-0100 GIT_COMMITTER_DATE=2025-03-01T23:30:00-0100 \
    git merge --quiet --no-ff --message "Merge release" release
git tag v1
rm -r packages/greet/greet.1.0.0
commit 2025-04-01T12:00:00Z "Withdraw greet 1.0.0"
cd ..
printf '[[repositories]]\nname = "main"\nurl = "git+file://%s/upstream"\n\n' "$PWD" > main.toml
printf '[[repositories]]\nname = "own"\nurl = "own"\n\n' > own.toml
mkdir -p own/packages/unused/unused.1
printf 'opam-version: "2.0"\n' > own/packages/unused/unused.1/opam
cat main.toml own.toml > mono.toml
