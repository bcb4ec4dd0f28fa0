#!/usr/bin/env bash
# make compose-test: the stack of docker-compose.yaml, built, used and broken, under a project name and secrets of its own.
# WHAT=stack, object_storage or idle says which file beside this one is run.
# Needs a Docker engine (DOCKER_HOST). Where the base images cannot be pulled, STANDINS=1 makes stand-ins from Debian's packages.
set -euo pipefail
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
what=${WHAT:-stack}
files=docker-compose.yaml
[ "$what" = idle ] || files=$files:deployment/compose/second_load_generator.yaml:tests/compose/counted.yaml
if [ "${STANDINS:-}" = 1 ]; then
  docker compose version >/dev/null 2>&1 || {
    tests/compose/standins/compose_v2.sh "$folder/plugins"
    export DOCKER_CONFIG="$folder/plugins/dockercfg"
  }
  tests/compose/standins/build.sh
  files=$files:tests/compose/standins/no_registry.yaml
fi
COMPOSE_FILE=$files .venv/bin/python -m pytest -p no:cacheprovider -m "" -x --timeout 900 --durations 0 -v "tests/compose/$what.py" "$@"
