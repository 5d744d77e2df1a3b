#!/usr/bin/env python3
"""Fuzzes OpenBSD's one address for each call; see sysfuzz.engine.harness for flags and environment."""

from sysfuzz.engine.harness import main

main("pinsyscalls")
