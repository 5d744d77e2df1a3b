#!/usr/bin/env python3
"""Fuzzes the reference core, which has no known bug; see sysfuzz.engine.harness for flags and environment."""

from sysfuzz.engine.harness import main

main("nosyscalls")
