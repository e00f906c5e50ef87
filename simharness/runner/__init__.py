"""From a scenario to verdicts: explore each case, shrink what violates, certify what does not, write it down."""
