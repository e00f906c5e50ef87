"""One search in several processes: a tree that remembers, leaves that are handed out, and who executes them."""
