"""What must hold: one rule a file, over committed snapshots, the venue and what clients were answered."""
