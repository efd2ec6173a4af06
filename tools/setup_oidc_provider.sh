#!/usr/bin/env bash
# Fetch the certified OpenID provider that the tests log in at into .tools/oidc-provider (npm).
# Without node its tests are skipped, and this says so.
set -euo pipefail
cd "$(dirname "$0")/.."

version=9.13.3
directory=.tools/oidc-provider
if [ "$(cat "$directory/fetched" 2>/dev/null)" = "$version" ]; then exit 0; fi
if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
    if ! tools/apt_install.sh nodejs npm; then
        echo "the tests of OpenID Connect at a real provider are skipped: there is no node" >&2
        exit 0
    fi
fi
if ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)'; then
    echo "the tests of OpenID Connect at a real provider are skipped: they need node 20" >&2
    exit 0
fi
echo "fetching oidc-provider $version" >&2
mkdir -p .tools
work=$(mktemp -d .tools/fetch.XXXXXX)
trap 'rm -rf "$work"' EXIT
printf '{"private": true, "type": "module"}\n' >"$work/package.json"
(cd "$work" && npm install --silent --prefer-offline --no-audit --no-fund --ignore-scripts \
    "oidc-provider@$version" >&2)
printf '%s\n' "$version" >"$work/fetched"
rm -rf "$directory"
mv "$work" "$directory"
