#!/usr/bin/env bash
# See that the drivers are here with which the tests connect: pgjdbc, node-postgres, Postgres.js,
# pgx and lib/pq, DBD::Pg, PHP's and Ruby's. What cannot be installed is named, and its tests are
# skipped; Python's drivers come with the extra dev. (Npgsql is tested nowhere yet.)
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
need() { # PACKAGE COMMAND…: the Debian package is missing where the command fails
    local package=$1
    shift
    "$@" >/dev/null 2>&1 || missing+=("$package")
}
need default-jdk-headless command -v javac
need libpostgresql-jdbc-java test -e /usr/share/java/postgresql.jar
need golang-go command -v go
need golang-github-jackc-pgx-v4-dev test -d /usr/share/gocode/src/github.com/jackc/pgx/v4
need golang-github-lib-pq-dev test -d /usr/share/gocode/src/github.com/lib/pq
need libdbd-pg-perl perl -MDBD::Pg -e1
need php-cli command -v php
need php-pgsql php -r 'exit(function_exists("pg_connect") ? 0 : 1);'
need ruby-pg ruby -e 'require "pg"'
if [ "${#missing[@]}" -ne 0 ] && ! tools/apt_install.sh "${missing[@]}"; then
    echo "these drivers are not tested: ${missing[*]}" >&2
fi

packages=(pg@8.23.1 postgres@3.4.9)
directory=.tools/drivers
if [ "$(cat $directory/fetched 2>/dev/null)" = "${packages[*]}" ]; then exit 0; fi
if ! command -v npm >/dev/null && ! tools/apt_install.sh npm; then
    echo "these drivers are not tested: ${packages[*]}" >&2
    exit 0
fi
echo "fetching ${packages[*]}" >&2
mkdir -p $directory
if npm install --silent --ignore-scripts --no-save --prefix $directory "${packages[@]}" >/dev/null; then
    printf '%s\n' "${packages[*]}" >$directory/fetched
else
    echo "these drivers are not tested: ${packages[*]}" >&2
fi
