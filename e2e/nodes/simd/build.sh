#!/bin/sh
# usage: build.sh DIRECTORY   builds DIRECTORY/simd; does nothing when it is up to date
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"; out=$(cd "$1" && pwd)
stamp=$(cat "$here"/*.go "$here"/go.* "$here/build.sh" | sha256sum | cut -d' ' -f1)
if [ -x "$out/simd" ] && [ "$(cat "$out/simd.stamp" 2>/dev/null)" = "$stamp" ]; then
  echo "up to date: $out/simd"; exit 0
fi
cd "$here"
go build -mod=readonly -buildvcs=false -trimpath -ldflags="-s -w" -o "$out/simd" .
printf %s "$stamp" > "$out/simd.stamp"; echo "built $out/simd"
