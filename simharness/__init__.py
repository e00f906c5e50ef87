"""Deterministic simulation of trading bots under every interleaving."""
