#!/bin/sh
# Write requirements/*.lock anew from pyproject.toml: exact versions with hashes, for all platforms.
set -eu

if ! command -v uv >/dev/null; then
    echo "make lock needs uv (pipx install uv)" >&2
    exit 1
fi

compile() {
    uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header \
        --annotation-style line "$@" pyproject.toml requirements/build.in
}

# The smaller one follows the larger, so that both can be installed into one environment.
compile --all-extras --group dev --output-file requirements/dev.lock
compile --extra mysql --extra postgres --extra backend --constraints requirements/dev.lock \
    --output-file requirements/run.lock

if grep -n '://' requirements/*.lock; then
    echo "a lock names an address: it must not say where packages come from" >&2
    exit 1
fi
