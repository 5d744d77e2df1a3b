#!/usr/bin/env python3
"""Fuzzes OpenBSD's mappings that calls may come from; see sysfuzz.engine.harness for flags and environment."""

from sysfuzz.engine.harness import main

main("msyscall")
