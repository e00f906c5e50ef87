"""Real trading code that the shipped scenarios test; it imports nothing else of simharness."""
