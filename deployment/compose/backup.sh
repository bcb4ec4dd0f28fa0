#!/usr/bin/env bash
# Backs up the running stack into a folder: both databases and the volume of run folders (with accepted baselines).
# .env is not among it: keep it apart, since its Fernet key opens the connections in the database. Usage: backup.sh FOLDER
set -euo pipefail
folder=$(mkdir -p "${1:?a folder}" && cd "$1" && pwd)
cd "$(dirname "$0")/../.."
umask 077
for database in airflow loadtest; do
  docker compose exec -T postgres pg_dump -U airflow --format custom "$database" > "$folder/$database.dump.part"
  mv "$folder/$database.dump.part" "$folder/$database.dump"
done
docker compose exec -T airflow-worker tar -C /opt/loadtest/runs -cz . > "$folder/runs.tar.gz.part"
mv "$folder/runs.tar.gz.part" "$folder/runs.tar.gz"
ls -l "$folder"
