"""Exploring any asyncio program, without a scenario and without a venue."""
