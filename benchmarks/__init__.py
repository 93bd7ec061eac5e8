"""Benchmarks: `python -m benchmarks`; docs/benchmarks.md tells how to read what comes out."""
