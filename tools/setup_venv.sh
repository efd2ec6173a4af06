#!/usr/bin/env bash
# Make .venv with pgward and an extra: tools/setup_venv.sh server|dev
# Quick when nothing changed: the stamp holds the hash of pyproject.toml.
set -euo pipefail
cd "$(dirname "$0")/.."

extra=${1:?usage: tools/setup_venv.sh server|dev}
wanted=$(cksum <pyproject.toml | tr -s ' \t' '-')
for done_extra in "$extra" dev; do
    stamp=.venv/pgward-$done_extra.stamp
    if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        exit 0
    fi
done

make_venv() {
    local python
    for python in python3 python3.13 python3.12 python3.11; do
        if command -v "$python" >/dev/null &&
            "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            found=$python
            if "$python" -m venv .venv >/dev/null 2>&1; then return 0; fi
            rm -rf .venv
        fi
    done
    return 1
}

if ! [ -x .venv/bin/python ] || ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    rm -rf .venv
    found=
    if ! make_venv; then
        # Debian keeps Python, and its venv module, in packages of their own.
        if [ -n "$found" ]; then
            tools/apt_install.sh python3-venv
        else
            tools/apt_install.sh python3 python3-venv
        fi
        if ! make_venv; then
            echo "no Python 3.11 or newer that can make a virtual environment was found" >&2
            exit 1
        fi
    fi
fi
echo "installing pgward[$extra] into .venv" >&2
.venv/bin/python -m pip install --quiet --disable-pip-version-check \
    --no-warn-script-location --root-user-action=ignore -e ".[$extra]" >&2
printf '%s\n' "$wanted" >".venv/pgward-$extra.stamp"
