"""Kernels with another check than the flag's, on the same map, calls and signals."""
