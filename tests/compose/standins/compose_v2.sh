#!/usr/bin/env bash
# Compose v2 and buildx as CLI plugins, from Debian trixie's packages, usable on bookworm (whose own Compose 1.29 is too old);
# the machine's package lists stay untouched. Usage: compose_v2.sh FOLDER, then export DOCKER_CONFIG=FOLDER/dockercfg
set -euo pipefail
. "$(dirname "$0")/mirror.sh"
folder=$(mkdir -p "$1" && cd "$1" && pwd)
mkdir -p "$folder"/apt/{lists/partial,cache/archives/partial,parts} "$folder/dockercfg/cli-plugins"
printf 'Types: deb\nURIs: %s\nSuites: trixie\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n' \
  "$MIRROR" > "$folder/apt/parts/trixie.sources"
options=(-o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$folder/apt/parts"
         -o Dir::State::Lists="$folder/apt/lists" -o Dir::Cache="$folder/apt/cache" -o APT::Sandbox::User=root)
apt-get -q "${options[@]}" update
cd "$folder/apt"
apt-get -q "${options[@]}" download docker-compose docker-buildx
for package in docker-compose docker-buildx; do
  dpkg-deb -x "$package"_*.deb "x-$package"
  cp "x-$package/usr/libexec/docker/cli-plugins/$package" "$folder/dockercfg/cli-plugins/"
done
