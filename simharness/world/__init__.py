"""One execution of a whole system: loop, venue, database, clients, faults and invariants in one room."""
