"""What pytest leaves alone below tests/, where the project's own plugin would take every *.prog for a test.

`programs/` belongs to test_golden.py, which asks more of its 600 files than that they hold, and `weaknesses/` holds programs that show bugs,
without expectations. `regressions/` is not here: those are what the plugin is for.
"""

collect_ignore_glob = ["programs/*", "weaknesses/*"]
