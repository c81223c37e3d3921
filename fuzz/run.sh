#!/bin/sh
# Fuzzes each target for some seconds, beginning with what fuzz/corpus has: fails at the first that breaks what it
# promises. What was found on the way is kept in target/fuzz/found, and is where the next run begins.
# Usage: run.sh SECONDS [TARGET…]
set -eu

cd "$(dirname "$0")/.."
seconds=$1
shift
host=$(rustc -vV | sed -n 's/^host: //p')
found=target/fuzz/found

# What libFuzzer goes by, on a stable compiler: counters of edges, and what is compared with what.
flags="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=3"
for what in inline-8bit-counters pc-table trace-compares; do
  flags="$flags -Cllvm-args=-sanitizer-coverage-$what"
done
RUSTFLAGS="$flags --cfg fuzzing" cargo build --locked --quiet --manifest-path fuzz/Cargo.toml \
  --target "$host" --target-dir target/fuzz

for target in ${*:-$(ls fuzz/corpus)}; do
  mkdir -p "$found/$target"
  more=
  [ "$target" != config ] || more=tests/fixtures/config
  log=$found/$target.log
  if ! FUZZ_TARGET=$target "target/fuzz/$host/debug/wxgate-fuzz" -max_total_time="$seconds" -max_len=4096 \
    -timeout=10 -rss_limit_mb=2048 -artifact_prefix="$found/$target-" \
    "$found/$target" "fuzz/corpus/$target" $more 2>"$log" </dev/null; then
    cat "$log"
    echo "fuzz target $target: see above"
    exit 1
  fi
  # It must have been led by what it reached, not only have run.
  sed -n 's/^Done \([0-9]*\) runs in \([0-9]*\) second.*/\1 \2/p' "$log" >"$log.done"
  read -r runs took <"$log.done" || runs=0
  covered=$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)
  if [ "$runs" -lt 100 ] || [ "${covered:-0}" -lt 50 ]; then
    cat "$log"
    echo "fuzz target $target: $runs runs that reached ${covered:-nothing} are no fuzzing"
    exit 1
  fi
  echo "$target: $runs runs in $took s, $covered edges, nothing found"
done
