"""The searches that end: one file for each strategy, found by ``explore.strategy``."""
