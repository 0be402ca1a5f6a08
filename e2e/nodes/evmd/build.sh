#!/bin/sh
# usage: build.sh DIRECTORY   builds DIRECTORY/evmd; does nothing when it is up to date
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"; out=$(cd "$1" && pwd)
stamp=$(cat "$here"/*.go "$here"/go.* "$here/build.sh" | sha256sum | cut -d' ' -f1)
if [ -x "$out/evmd" ] && [ "$(cat "$out/evmd.stamp" 2>/dev/null)" = "$stamp" ]; then
  echo "up to date: $out/evmd"; exit 0
fi
cd "$here"
go build -mod=readonly -buildvcs=false -trimpath -ldflags="-s -w" -o "$out/evmd" .
printf %s "$stamp" > "$out/evmd.stamp"; echo "built $out/evmd"
