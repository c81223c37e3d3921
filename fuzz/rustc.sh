#!/bin/sh
# A compiler that counts, in our own crates, what libFuzzer goes by: edges, and what is compared with what. On a
# stable toolchain; what stands under us is built as it is for the tests.
set -eu

crate=
count=$#
while [ "$count" -gt 0 ]; do
  word=$1
  shift
  case $word in
    wxgate | wxgate_fuzz) crate=$word ;;
    # libFuzzer stands in front of the C library's functions, and looks for them when it starts.
    *+crt-static*) [ "$crate" != wxgate_fuzz ] || word=target-feature=-crt-static ;;
  esac
  set -- "$@" "$word"
  count=$((count - 1))
done
if [ "$crate" ]; then
  set -- "$@" -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=3
  for what in inline-8bit-counters pc-table trace-compares; do
    set -- "$@" "-Cllvm-args=-sanitizer-coverage-$what"
  done
fi
exec "$@"
