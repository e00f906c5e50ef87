"""The rules, one invariant a file."""
