#!/usr/bin/env bash
# Fetch axe-core, which looks at pages for what keeps people out, into .tools/axe-core (npm).
# Without npm its tests are skipped, and this says so.
set -euo pipefail
cd "$(dirname "$0")/.."

version=4.14.1
directory=.tools/axe-core
if [ "$(cat "$directory/fetched" 2>/dev/null)" = "$version" ]; then exit 0; fi
if ! command -v npm >/dev/null && ! tools/apt_install.sh nodejs npm; then
    echo "the tests of the portal's accessibility are skipped: there is no npm" >&2
    exit 0
fi
echo "fetching axe-core $version" >&2
mkdir -p .tools
work=$(mktemp -d .tools/fetch.XXXXXX)
trap 'rm -rf "$work"' EXIT
printf '{"private": true}\n' >"$work/package.json"
(cd "$work" && npm install --silent --prefer-offline --no-audit --no-fund --ignore-scripts \
    "axe-core@$version" >&2)
printf '%s\n' "$version" >"$work/fetched"
rm -rf "$directory"
mv "$work" "$directory"
