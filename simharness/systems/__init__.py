"""Glue: the shipped managers inside a world. Copy one of these for a bot of your own."""
