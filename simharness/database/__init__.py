"""Real databases as outside actors: statements execute and replies arrive when the explorer says so."""
