#!/bin/sh
# Make or complete the Python environment .venv: `environment.sh run` or `environment.sh dev`.
#
# Everything comes from the committed lock, checked by hash; then the project itself, editable, without its
# dependencies. With uv where it is on PATH, else with the python3 of the system and pip.
set -eu

set=$1
venv=.venv
python=$venv/bin/python

find_python() {
    for candidate in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    echo "Python 3.11 or later is needed, and none was found (PYTHON=/path/to/python3 names one)" >&2
    exit 1
}

# Debian's python3 comes without what makes environments; root installs that, others are told how.
provide_venv() {
    if "$1" -c 'import ensurepip' 2>/dev/null; then
        return
    fi
    package=$("$1" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        echo "$1 cannot make environments. Run this, then make again:" >&2
        echo "    sudo apt-get install -y --no-install-recommends $package" >&2
        exit 1
    fi
    echo "Installing $package ..."
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -q
    apt-get install -y -q --no-install-recommends "$package"
}

make_with_uv() {
    "$python" -c '' 2>/dev/null || uv venv --quiet --clear --python "${PYTHON:->=3.11}" "$venv"
    uv pip install --quiet --python "$python" --require-hashes -r "requirements/$set.lock"
    uv pip install --quiet --python "$python" --no-deps --no-build-isolation --editable .
}

make_with_pip() {
    if ! "$python" -m pip --version >/dev/null 2>&1; then
        base=$(find_python)
        provide_venv "$base"
        "$base" -m venv --clear "$venv"
    fi
    pip="$python -m pip --disable-pip-version-check --quiet install"
    $pip --require-hashes -r "requirements/$set.lock"
    $pip --no-deps --no-build-isolation --editable .
}

echo "Setting up $venv from requirements/$set.lock ..."
if command -v uv >/dev/null; then
    make_with_uv
else
    make_with_pip
fi
touch "$venv/$set.stamp"
if [ "$set" = dev ]; then
    touch "$venv/run.stamp" # it holds all of that, too
fi
