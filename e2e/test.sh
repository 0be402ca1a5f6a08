#!/usr/bin/env bash
# Installs what the tests need and runs them: ./e2e/test.sh, or ./e2e/test.sh --real-nodes for the longer run with all scenarios.
# Stops at the first part that fails and names it; ends with one line, `N passed, N failed[, N skipped]`.
set -euo pipefail
case "$#:${1:-}" in
  0:) real_nodes=no ;;
  1:--real-nodes) real_nodes=yes ;;
  *) echo "usage: e2e/test.sh [--real-nodes]" >&2; exit 2 ;;
esac
cd "$(dirname "$0")/.."
exec </dev/null

cargo_deny_version=0.20.2
part_limit_seconds=2400
# Unattended, a part that hangs is stopped; a person at a terminal has Ctrl-C, which `timeout` would keep from the part.
limit=()
[ "${CI:-}" = true ] && limit=(timeout --kill-after=10 "$part_limit_seconds")
export CI=true CARGO_TERM_COLOR=never NO_COLOR=1 GIT_TERMINAL_PROMPT=0

contracts=adapters/evm/contracts
node_recipe=e2e/nodes/qbft-devnode
real_node_recipes=(simd evmd irita-evm)
run=e2e/.run
mkdir -p "$run/log"

parts=0 passed=0 failed=0 skipped=0

# finish STATUS: the closing line, which continuous integration reads.
finish() {
  echo
  echo "total time: ${SECONDS} s, logs in $run/log"
  if [ "$skipped" -gt 0 ]; then echo "$passed passed, $failed failed, $skipped skipped"; else echo "$passed passed, $failed failed"; fi
  exit "$1"
}

# count LOG PASSED-OR-FAILED: the sum over the closing lines of cargo test and of forge.
count() {
  { grep -aE '^(test result:|Ran [0-9]+ test suites? in )' "$1" || true; } | { grep -oE "[0-9]+ (tests )?$2" || true; } | awk '{ n += $1 } END { print n + 0 }'
}

# part KIND NAME COMMAND...: runs one part under a heading. KIND `tests` counts what its runner counted and must have
# run at least one test; KIND `check` counts as one; KIND `install` counts as none.
part() {
  local kind=$1 name=$2 began=$SECONDS status=0 log good=0 bad=0
  shift 2
  parts=$((parts + 1))
  log="$run/log/$(printf %02d "$parts")-${name//[^A-Za-z0-9]/-}.txt"
  printf '\n== %s\n   %s\n' "$name" "$*"
  "${limit[@]}" "$@" 2>&1 | tee "$log" || status=${PIPESTATUS[0]}
  case $kind in
    tests) good=$(count "$log" passed) bad=$(count "$log" failed) ;;
    check) good=$((status == 0)) bad=$((status != 0)) ;;
  esac
  # What the runner counted decides too, not its status alone.
  if [ "$kind" = tests ] && [ "$status" = 0 ] && [ "$bad" != 0 ]; then status=1; fi
  if [ "$kind" = tests ] && [ "$status" = 0 ] && [ "$good" = 0 ]; then
    echo "expected at least one test in this part, found none" && status=1
  fi
  if [ "$status" != 0 ] && [ "$bad" = 0 ]; then bad=1; fi
  passed=$((passed + good)) failed=$((failed + bad))
  if [ "$status" != 0 ]; then
    [ "$status" = 124 ] && echo "stopped: still running after $part_limit_seconds s"
    echo "FAILED: $name (status $status, $((SECONDS - began)) s)"
    finish 1
  fi
  echo "   ok: $name, $((SECONDS - began)) s"
}

# skip NAME REASON: said aloud and counted, never silent.
skip() {
  skipped=$((skipped + 1))
  printf '\n== %s\n   NOT RUN: %s\n' "$1" "$2"
}

have_cargo_deny() { [ "$(.tools/bin/cargo-deny --version 2>/dev/null)" = "cargo-deny $cargo_deny_version" ]; }

for tool in cargo go node npm cc git timeout; do
  command -v "$tool" >/dev/null || { echo "e2e/test.sh needs $tool, which is not on the PATH"; failed=1; finish 1; }
done

cat <<TEXT
Lighterman's tests. What is installed, all of it into ignored folders of this project but the last:
  .tools/bin/cargo-deny          cargo-deny $cargo_deny_version, compiled by cargo (about 3 CPU minutes the first time)
  $contracts/tools/node_modules  forge and solc from npm, versions in package-lock.json (about 200 MB)
  $run/qbft-devnode              the independent node: go-ethereum with QBFT headers, compiled by go (about 3 minutes)
  chromium                       the one system package, by apt-get, when no chromium is found; the page is tested in it
TEXT
[ "$real_nodes" = no ] || cat <<TEXT
  $run/{simd,evmd,irita-evm}  real nodes of the Cosmos family, compiled by go (about 11 minutes and 3 GB of build cache the first time)
TEXT
echo "Found: $(cargo --version), $(go env GOVERSION), node $(node --version), npm $(npm --version), $(cc -dumpfullversion | sed 's/^/cc /')"

# --- install -----------------------------------------------------------------------------------------------------
if have_cargo_deny; then
  echo "cargo-deny $cargo_deny_version is installed already"
else
  # Little optimised on purpose: it runs for two seconds and would take twice as long to compile.
  part install "install cargo-deny" env CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_OPT_LEVEL=1 CARGO_PROFILE_RELEASE_DEBUG=0 \
    CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 cargo install --quiet --locked --root .tools --no-default-features "cargo-deny@$cargo_deny_version"
fi
if npm ls --prefix "$contracts/tools" >/dev/null 2>&1; then
  echo "forge and solc are installed already"
else
  part install "install forge and solc" "$contracts/tools/forge" --version
fi
if [ -x "${CHROMIUM:-/usr/bin/chromium}" ]; then
  echo "chromium is installed already"
else
  part install "install chromium" bash -c 'apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends chromium'
fi
part install "build the independent node" "$node_recipe/build.sh" "$run/qbft-devnode"
if [ "$real_nodes" = yes ]; then
  for recipe in "${real_node_recipes[@]}"; do part install "build $recipe" "e2e/nodes/$recipe/build.sh" "$run/$recipe"; done
fi

# --- the tree ----------------------------------------------------------------------------------------------------
part check "formatting" cargo fmt --all --check
part check "dependencies: bans, licences, sources" .tools/bin/cargo-deny --locked --color never check --hide-inclusion-graph bans licenses sources
# The database is fetched from its own repository, which not every machine can reach; a machine that cannot must not hang.
if timeout --kill-after=5 90 .tools/bin/cargo-deny --color never fetch db >"$run/log/advisory-database.txt" 2>&1; then
  part check "dependencies: advisories" .tools/bin/cargo-deny --locked --offline --color never check --hide-inclusion-graph advisories
else
  skip "dependencies: advisories" "the advisory database could not be fetched ($(grep -aom1 'Could not resolve.*\|timed out.*\|fatal:.*' "$run/log/advisory-database.txt" || echo 'no answer within 90 s'))"
fi

# --- Rust --------------------------------------------------------------------------------------------------------
# Always the whole workspace, so that the features of shared crates, and with them what is compiled, are the same each time.
part check "clippy" cargo clippy --workspace --all-targets --release --locked -- -D warnings

# Whoever opens a file with an access time before its last change moves the access time: so it is seen which vectors the tests opened.
vector_files() { git ls-files -z --cached --others --exclude-standard -- '*/vectors/*.json' '*/vectors/*.bin' '*/vectors/*.rlp' '*/vectors/*.hex'; }
vector_files | xargs -0r touch -a -d 2000-01-01
part tests "Rust tests" cargo test --release --workspace --locked -- --skip independent_node --skip real_nodes

# --- Solidity ----------------------------------------------------------------------------------------------------
part tests "Foundry tests" "$contracts/tools/forge" test
part check "artefacts agree with the sources" "$contracts/tools/build" --check

# --- scenarios ---------------------------------------------------------------------------------------------------
part tests "scenarios on the independent node" cargo test --release --workspace --locked --test independent_node -- --skip real_nodes
if [ "$real_nodes" = yes ]; then
  # One after the other: each has two networks of up to five nodes.
  part tests "scenarios on real nodes" cargo test --release --workspace --locked --test independent_node -- real_nodes --test-threads 1
else
  skip "scenarios on real nodes" "cosmos/evm, IRITA's forks and ibc-go take about 11 minutes to build: ./e2e/test.sh --real-nodes"
fi

# --- the demo ----------------------------------------------------------------------------------------------------
# As a person starts it. It has been built: tests and program are one build (see `default-members` in Cargo.toml).
part check "demo --once" cargo run --release --locked -- demo --once

# --- vectors -----------------------------------------------------------------------------------------------------
touch -a -d 2000-01-01 "$run/log/advisory-database.txt" && cat "$run/log/advisory-database.txt" >/dev/null
if [ "$(stat -c %X "$run/log/advisory-database.txt")" -gt 1000000000 ]; then
  unopened() { vector_files | xargs -0r stat -c '%X %n' | awk '$1 < 1000000000 { $1 = "no test opened"; print; bad = 1 } END { exit bad }'; }
  export -f unopened vector_files
  part check "every vector was opened by a test" bash -c unopened
else
  skip "every vector was opened by a test" "this file system keeps no access times"
fi

finish 0
