"""What simharness costs; run with ``make bench``, explained in docs/benchmarks.md. Public tools only."""
