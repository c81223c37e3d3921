#!/bin/sh
# Fuzzes each target, beginning with what fuzz/corpus has: fails at the first that breaks what it promises.
# Usage: run.sh COUNT [TARGET…]     COUNT inputs, the same ones each time for the same code
#        run.sh SECONDSs [TARGET…]  new ones each time; what was found on the way is kept in target/fuzz/found,
#                                   and is where the next run begins
set -eu

cd "$(dirname "$0")/.."
amount=$1
shift
host=$(rustc -vV | sed -n 's/^host: //p')
found=target/fuzz/found

RUSTC_WRAPPER=$PWD/fuzz/rustc.sh cargo build --locked --quiet --manifest-path fuzz/Cargo.toml \
  --target "$host" --target-dir target

for target in ${*:-$(ls fuzz/corpus)}; do
  more=
  [ "$target" != config ] || more=tests/fixtures/config
  case $amount in
    *s) kept=$found/$target how="-max_total_time=${amount%s}" ;;
    *) kept=$found/same/$target how="-runs=$amount -seed=1" && rm -rf "$kept" ;;
  esac
  mkdir -p "$kept"
  log=$found/$target.log
  # shellcheck disable=SC2086 # words apart
  if ! FUZZ_TARGET=$target "target/$host/debug/wxgate-fuzz" $how -max_len=4096 \
    -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$found/$target-" \
    "$kept" "fuzz/corpus/$target" $more 2>"$log" </dev/null; then
    tail -n 50 "$log"
    echo "fuzz target $target: see above"
    exit 1
  fi
  # It must have been led by what it reached, not only have run.
  sed -n 's/^Done \([0-9]*\) runs in \([0-9]*\) second.*/\1 \2/p' "$log" >"$log.done"
  read -r runs took <"$log.done" || runs=0
  covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
  if [ "$runs" -lt 100 ] || [ "${covered:-0}" -lt 50 ]; then
    tail -n 50 "$log"
    echo "fuzz target $target: $runs runs that reached ${covered:-nothing} are no fuzzing"
    exit 1
  fi
  echo "$target: $runs runs in $took s, $covered edges, nothing found"
done
