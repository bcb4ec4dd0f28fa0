#!/usr/bin/env bash
# Stand-ins, under their public names, for the product's base images, made from Debian packages alone, for a machine that
# cannot pull from an image registry. Needs debootstrap and a Docker engine (DOCKER_HOST). About a minute.
set -euo pipefail
cd "$(dirname "$0")"
. ./mirror.sh
if ! docker image inspect standin/debian:bookworm >/dev/null 2>&1; then
  root=$(mktemp -d)
  trap 'rm -rf "$root"' EXIT
  debootstrap --variant=minbase --include=ca-certificates bookworm "$root/rootfs" "$MIRROR" >"$root/debootstrap.log"
  cp -L /etc/ssl/certs/ca-certificates.crt "$root/rootfs/etc/ssl/certs/ca-certificates.crt"
  printf 'deb %s bookworm main\ndeb %s bookworm-updates main\n' "$MIRROR" "$MIRROR" > "$root/rootfs/etc/apt/sources.list"
  rm -rf "$root"/rootfs/var/cache/apt/archives/*.deb
  tar -C "$root/rootfs" -c . | docker import --change 'CMD ["bash"]' - standin/debian:bookworm >/dev/null
fi
for pair in python=python:3.11-slim-bookworm postgres=postgres:16 redis=redis:7.2-bookworm \
  s3=standin/s3 prometheus=prom/prometheus:v3.5.0; do
  docker build -q --network host -t "${pair#*=}" "${pair%%=*}"
done
