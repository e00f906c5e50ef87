"""One module per fault; see :mod:`simharness.faults.registry`."""
