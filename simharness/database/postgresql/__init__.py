"""Real PostgreSQL as an outside actor, behind a bridge at the level of the wire."""
