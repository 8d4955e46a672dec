#!/bin/sh
# See to it that the programs of MariaDB, PostgreSQL, PgBouncer, Prometheus and Chromium are there for the tests, which
# start their own.
#
# Root installs what is missing; anyone else is told the command. SERVERS=0 goes without.
set -eu

if [ "${SERVERS:-1}" = 0 ]; then
    exit 0
fi

PATH=$PATH:/usr/sbin:/usr/local/sbin
missing=
command -v mariadbd >/dev/null || command -v mysqld >/dev/null || missing="mariadb-server"
ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || missing="$missing postgresql"
command -v pgbouncer >/dev/null || missing="$missing pgbouncer"
command -v promtool >/dev/null || missing="$missing prometheus"
command -v chromium >/dev/null || missing="$missing chromium"
if [ -z "$missing" ]; then
    exit 0
fi

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    echo "The tests need these programs, which are not installed. Run this, then make test again:" >&2
    echo "    sudo apt-get install -y --no-install-recommends" $missing >&2
    echo "or leave out all tests with them: make test SERVERS=0" >&2
    exit 1
fi

# The packages would start a server each. A policy that forbids it is put in place meanwhile, unless the machine has
# one of its own.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    trap 'rm -f "$policy"' EXIT
    trap 'exit 1' INT TERM
    printf '#!/bin/sh\nexit 101\n' >"$policy"
    chmod 755 "$policy"
fi

echo "Installing" $missing "..."
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -y -q --no-install-recommends $missing
