"""What the program under test holds: exchange classes that talk to the venue over its links.

Importing this package does not load ccxt; importing :mod:`simharness.clients.sim_exchange` does.
"""
