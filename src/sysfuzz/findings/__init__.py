"""Bugs as data: buckets, severity, and the directory that keeps them."""
