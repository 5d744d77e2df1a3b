"""What holds for all tests: which files are tests, and that neither the machine's load nor anything of the user's own has a say.

The project's own plugin would take every *.prog below tests/ for a test. `programs/` belongs to test_golden.py, which asks more of its 600 files
than that they hold, and `weaknesses/` holds programs that show bugs, without expectations. `regressions/` is what the plugin is for.
"""

import os
import signal

from hypothesis import HealthCheck, settings

collect_ignore_glob = ["programs/*", "weaknesses/*"]

# What is tested are these sources, not a copy that somebody has compiled of them. Set here, since some tests copy the environment when imported.
os.environ["XDG_CACHE_HOME"] = "/nonexistent"

# A shell has what it starts in the background ignore Ctrl-C, nohup the end of a terminal, and children inherit that: many tests are about both.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)

# How long an example takes depends on what else the machine does.
settings.register_profile("sysfuzz", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("sysfuzz")
