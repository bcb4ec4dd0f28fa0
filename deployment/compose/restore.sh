#!/usr/bin/env bash
# Puts a backup into a new, empty installation with the .env of the old one, which is not up yet. Usage: restore.sh FOLDER
set -euo pipefail
folder=$(cd "${1:?the folder of a backup}" && pwd)
cd "$(dirname "$0")/../.."
docker compose up -d --wait postgres
if [ -n "$(docker compose exec -T postgres psql -U airflow -d airflow -tAc "SELECT 1 FROM pg_tables WHERE schemaname = 'public' LIMIT 1")" ]; then
  echo "There is an installation already, which a restore would mix with the backup; see docker volume ls." >&2
  exit 2
fi
# Objects get their owners from airflow-init, which makes the role of the history anew.
docker compose exec -T postgres createdb -U airflow loadtest 2>/dev/null || true
for database in airflow loadtest; do
  docker compose exec -T postgres pg_restore -U airflow --no-owner --no-acl -d "$database" < "$folder/$database.dump"
done
docker compose run --rm -T --no-deps --entrypoint tar airflow-init -C /opt/loadtest/runs -xz < "$folder/runs.tar.gz"
echo "Restored; now: make compose-up"
