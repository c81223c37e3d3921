"""The benchmark: wxgate beside its peers on one machine, by `make bench`. docs/performance.md is made of it."""
