#!/bin/bash
# What a start of docker.io/library/postgres does: as root it gives the data to its user; where there are none, it makes
# them, with a server that only its own socket reaches; then it becomes the server.
set -euo pipefail
if [ "$(id -u)" = 0 ]; then
    mkdir -p /var/run/postgresql
    chown -R postgres "$PGDATA" /var/run/postgresql
    chmod 700 "$PGDATA"
    exec setpriv --reuid=postgres --regid=postgres --init-groups "$0" "$@"
fi
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    # Each variable may name a file instead.
    for name in POSTGRES_PASSWORD POSTGRES_USER POSTGRES_DB; do
        file=${name}_FILE
        [ -z "${!file:-}" ] || declare "$name=$(<"${!file}")"
    done
    user=${POSTGRES_USER:-postgres} database=${POSTGRES_DB:-${POSTGRES_USER:-postgres}}
    [ -n "${POSTGRES_PASSWORD:-}" ] || { echo "error: no POSTGRES_PASSWORD" >&2; exit 1; }
    initdb --username="$user" --pwfile=<(echo "$POSTGRES_PASSWORD")
    echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
    echo "listen_addresses = '*'" >>"$PGDATA/postgresql.conf"
    pg_ctl --wait --options="-c listen_addresses=''" start
    if [ "$database" != postgres ]; then
        createdb --username="$user" --maintenance-db=postgres "$database"
    fi
    pg_ctl --wait --mode=fast stop
fi
exec "$@"
