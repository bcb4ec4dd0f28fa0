#!/usr/bin/env bash
# Makes the secrets of an installation in .env, readable by its owner only. What is there already stays as it is.
# With the argument s3: run folders go to the object storage of docker-compose.yaml from then on.
set -euo pipefail
cd "$(dirname "$0")/../.."
umask 077
touch .env .env.containers
chmod 600 .env .env.containers

random() { head -c 32 /dev/urandom | base64 | tr '+/' '-_' | tr -d '\n'; }  # 256 bits, as a Fernet key is written

for name in POSTGRES_PASSWORD LOADTEST_DATABASE_PASSWORD SAMPLE_DATABASE_PASSWORD REDIS_PASSWORD \
            FERNET_KEY API_SECRET_KEY JWT_SECRET LOADTEST_FLEET_TOKEN GRAFANA_PASSWORD; do
  grep -q "^$name=." .env && continue
  sed -i "/^$name=$/d" .env
  echo "$name=$(random)" >> .env
  echo "made $name"
done

if ! [ -s .env.containers ]; then
  cat > .env.containers <<'END'
# Variables for the containers that run tasks and load, one NAME=value a line: LOADTEST_*, SCENARIO_*, AIRFLOW_CONN_*, AWS_*.
END
fi

if [ "${1:-}" = s3 ] && ! grep -q '^S3_SECRET_KEY=' .env; then
  key=$(random) secret=$(random)
  printf '%s\n' "S3_ACCESS_KEY=$key" "S3_SECRET_KEY=$secret" LOADTEST_RUNS_ROOT=s3://loadtest/runs COMPOSE_PROFILES=s3 >> .env
  printf '%s\n' "AWS_ACCESS_KEY_ID=$key" "AWS_SECRET_ACCESS_KEY=$secret" AWS_DEFAULT_REGION=us-east-1 \
    AWS_ENDPOINT_URL=http://object-storage:7070 >> .env.containers
  echo "run folders go to s3://loadtest/runs"
fi

unreadable=$(find include ! -perm -o=r -print -quit)
if [ -n "$unreadable" ]; then
  echo "$unreadable cannot be read in the containers, which run as user ${AIRFLOW_UID:-50000}: chmod -R o+rX include" >&2
  exit 2
fi
