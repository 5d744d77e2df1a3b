"""Explanations are made aside: whatever a core does there, the dashboard tells of it and goes on."""

import os
import time
from dataclasses import replace

import pytest
from made_campaign import MERGE

from sysfuzz.dashboard.stories import Pending, Stories
from sysfuzz.findings.explanation import Explanation
from sysfuzz.findings.finding import Finding
from sysfuzz.program.ir import Program
from sysfuzz.program.text import parse
from sysfuzz.report import Unexplained
from toy_findings import made

PROGRAM = parse(MERGE).program
FINDING = made(bucket="says")


def behaves(finding: Finding, program: Program) -> Explanation:
    """Does what the bucket says, as a core might."""
    if finding.bucket == "ends":
        os._exit(3)
    if finding.bucket == "hangs":
        time.sleep(3600)
    if finding.bucket == "raises":
        raise RuntimeError("no such register")
    if finding.bucket == "unknown":
        raise Unexplained("it is not installed here")
    return Explanation(
        bucket=finding.bucket, oracle="map", op=0, event=-1, summary=f"process {os.getpid()}", expected="", actual="", pid=1, page=None,
        life=(), entered=None, rule="", before=(), after=(),
    )  # fmt: skip


def said(stories: Stories, bucket: str, core: str = "1") -> str:
    """What is told of a finding, waiting for it."""
    try:
        return stories.tell(core, replace(FINDING, bucket=bucket), PROGRAM, 120).summary
    except Unexplained as error:
        return str(error)


def test_cores_do_what_they_like() -> None:
    """An end, a hang or an exception of the process is told as such, and the next explanation comes all the same; this process goes on."""
    stories = Stories(behaves, seconds=2.0)
    try:
        assert said(stories, "ends") == "run now, its program ended the process that ran it"
        first = said(stories, "says")
        assert first not in (f"process {os.getpid()}", "")
        assert first.startswith("process ")
        assert said(stories, "raises") == "RuntimeError: no such register"
        assert said(stories, "unknown") == "it is not installed here"
        assert said(stories, "says again") == first, "a core that behaves is imported once"
        assert said(stories, "hangs") == "run now, its program came to no end within 2 s"
        assert said(stories, "says once more") not in ("", first)
        assert said(stories, "says") == first, "what was told is not asked again"
        assert said(stories, "says", core="2") != first, "another version of the core is imported anew"
    finally:
        stories.close()


def test_nobody_waits_longer_than_he_likes() -> None:
    """Who has no patience is told that it is being made, and closing does not wait for a core either."""
    stories = Stories(behaves, seconds=3600.0)
    began = time.monotonic()
    with pytest.raises(Pending):
        stories.tell("1", replace(FINDING, bucket="hangs"), PROGRAM, 0.01)
    stories.close()
    assert time.monotonic() - began < 600
