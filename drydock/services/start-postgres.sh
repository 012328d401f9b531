#!/bin/sh
# As in the official image: the first start makes the cluster, its user and its database.
set -eu
printf %s "$POSTGRES_PASSWORD" > /tmp/password
initdb --username="$POSTGRES_USER" --pwfile=/tmp/password --auth-host=scram-sha-256 --encoding=UTF8 \
    --locale=C.UTF-8 > /tmp/initdb.log
rm /tmp/password
echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
pg_ctl --options="-c listen_addresses= -k /tmp" --wait --silent start
createdb --host=/tmp --username="$POSTGRES_USER" "$POSTGRES_DB"
pg_ctl --wait --silent stop
exec postgres -c "listen_addresses=*" -k /tmp
