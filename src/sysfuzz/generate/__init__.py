"""Fresh programs, mutation and crossover, steered by the map as it will be."""
