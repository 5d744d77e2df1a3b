"""Whatever runs a program and yields an outcome, by name."""
