#!/bin/sh
# usage: build.sh DIRECTORY   builds DIRECTORY/irita-evmd; does nothing when it is up to date
set -eu
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"; out=$(cd "$1" && pwd)
stamp=$(cat "$here"/*.go "$here"/go.* "$here/build.sh" | sha256sum | cut -d' ' -f1)
if [ -x "$out/irita-evmd" ] && [ "$(cat "$out/irita-evmd.stamp" 2>/dev/null)" = "$stamp" ]; then
  echo "up to date: $out/irita-evmd"; exit 0
fi
cd "$here"
# Validators sign with SM2, and the EVM has the chain id that IRITA has: both are settings of the link.
national="-X github.com/tendermint/tendermint/crypto/algo.Algo=sm2 -X github.com/tharsis/ethermint/types.EvmChainID=1223"
go build -mod=readonly -buildvcs=false -trimpath -ldflags="-s -w $national" -o "$out/irita-evmd" .
printf %s "$stamp" > "$out/irita-evmd.stamp"; echo "built $out/irita-evmd"
