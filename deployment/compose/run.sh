#!/usr/bin/env bash
# One load test on the running stack, asked for over Airflow's REST API, and its verdict, by which it exits: 0 pass, 1 fail, 2 not run,
# 3 invalid, 4 inconclusive, 5 warn (make itself exits 2 for all but 0). Options are those of `loadtest trigger`.
set -euo pipefail
cd "$(dirname "$0")/../.."
# The name of a run that CI asks for is its branch and commit; here each call is a run of its own.
exec docker compose exec -T airflow-apiserver sh -ec '
  LOADTEST_AIRFLOW_USERNAME=admin
  LOADTEST_AIRFLOW_PASSWORD=$(python -c "import json; print(json.load(open(\"/opt/airflow/auth/passwords.json\"))[\"admin\"])")
  export LOADTEST_AIRFLOW_USERNAME LOADTEST_AIRFLOW_PASSWORD
  exec loadtest trigger --airflow-url http://localhost:8080 --commit "${LOADTEST_COMMIT:-0000000}" \
    --branch "by-hand-$(date +%s)" --wait 30m --strict "$@"' - "$@"
