"""The searches that draw at random, for systems too large to exhaust: one file for each strategy."""
