#!/usr/bin/env bash
# Brings the digests of base images up to date, in Dockerfiles and compose files:
#   deploy/docker/pin.sh            writes the digest that each tag has now
#   deploy/docker/pin.sh --check    only says which have moved; the exit code is 1 if any has
# Needs `docker buildx` and the registries; no engine.
set -euo pipefail
cd "$(dirname "$0")/.."

check=
[ "${1:-}" != --check ] || check=yes
files=(docker/Dockerfile docker/Dockerfile.cuda compose/compose.yaml compose/trainer/Dockerfile)
pinned='[a-z0-9./-]+:[A-Za-z0-9._-]+@sha256:[0-9a-f]{64}'
moved=0
while read -r reference; do
  tag=${reference%@*}
  digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$tag")
  if ! [[ $digest =~ ^sha256:[0-9a-f]{64}$ ]]; then
    echo "$tag: no digest, but '$digest'" >&2
    exit 2
  fi
  if [ "$reference" = "$tag@$digest" ]; then
    echo "$tag: as it was"
    continue
  fi
  moved=1
  echo "$tag: moved to $digest"
  [ -n "$check" ] || sed -i "s|$reference|$tag@$digest|" "${files[@]}"
done < <(grep -hoE "$pinned" "${files[@]}" | sort -u)
[ -z "$check" ] || exit "$moved"
