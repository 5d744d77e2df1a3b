"""How libFuzzer is told to run a job: the flags that a worker and a benchmark's trial share, so that they are the same fuzzer."""

_SIGNALS = ("abrt", "bus", "fpe", "ill", "int", "segv", "term", "usr1", "usr2", "xfsz")


def flags(seed: int, max_len: int, rss_limit_mb: int) -> list[str]:
    """argv for libFuzzer but for what concerns files: the program's name first."""
    return [
        "sysfuzz",
        f"-seed={1 + seed % 0x7FFF_FFFF}",  # an int of C; 0 would mean the time of day
        f"-max_len={max_len}",
        "-len_control=0",  # length is no measure of a structured input
        # Which input is mutated next is drawn with more weight on later ones, not by how rare its features are: of 60,000 executions (seeds 1 to
        # 3) 5,437, 5,523 and 5,531 features instead of 5,418, 5,458 and 5,449, and 5 % more executions a second. What is rare is chosen among
        # programs that were made (`job.py`).
        "-entropic=0",
        "-reload=0",  # nobody else writes into the corpus, and when it is read again would depend on the clock
        f"-rss_limit_mb={rss_limit_mb}",
        "-timeout=1000000",  # who runs it has a clock, and watches to the second; 0 would mean at once
        "-detect_leaks=0",
        # Signals kill, with a traceback in the log, and the parent sees which one.
        *(f"-handle_{name}=0" for name in _SIGNALS),
    ]
