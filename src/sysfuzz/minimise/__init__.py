"""Making programs smaller that show a bug: an order on programs, passes that propose, and the search that asks."""
