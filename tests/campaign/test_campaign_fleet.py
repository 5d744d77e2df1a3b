"""A fleet whose scheduler dies at the worst moments, and workers of this machine that cannot start: with real processes."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")

import toy_cluster as toy
from sysfuzz.campaign import fleet as module
from sysfuzz.campaign.errand import Errand, pack
from sysfuzz.campaign.fleet import Fleet
from sysfuzz.campaign.local import Local
from sysfuzz.campaign.task import Task
from sysfuzz.engine.process import EngineError

REFUSED = r"no worker can run an epoch: tcp.* has core \w{16}, and the campaign 0123456789abcdef"


def errand(shard: str) -> Errand:
    """An epoch for a core that nobody has."""
    task = Task(
        shard=shard, number=0, seed=5, target="nosyscalls", inputs=(), quarantine=frozenset(), findings="", runs=40,
        seconds=60.0, rss_limit_mb=2048,
    )  # fmt: skip
    return Errand(run="r", core="0123456789abcdef", task=task, programs=pack(()))


def until(true: Callable[[], Any]) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + toy.SECONDS
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def is_refused(fleet: Fleet) -> None:
    """What it was sent comes to a worker, which refuses it."""
    with pytest.raises(EngineError, match=REFUSED):
        until(lambda: fleet.size() < 0 or fleet.arrivals(0.1))


def test_the_scheduler_dies_while_a_worker_refuses(tmp_path: Path) -> None:
    """The errand is kept for the next scheduler, whose worker gets it."""
    with toy.cluster(tmp_path / "dask") as cluster:
        cluster.scheduler()
        cluster.worker()
        with Fleet(cluster.address, "r") as fleet:
            fleet.send(errand("w0"))
            until(lambda: not fleet._arrived.empty())
            cluster.kill_scheduler()
            assert fleet.arrivals(0.0) == []
            assert "is lost" in fleet.remarks[-1]
            cluster.scheduler()
            cluster.worker()
            is_refused(fleet)


def test_the_scheduler_dies_while_it_gets_what_was_under_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that was under way is sent to the next one."""
    deaths = []

    def connected(*arguments: Any, **options: Any) -> Any:
        client = real(*arguments, **options)
        if deaths:
            deaths.pop()
            client.close()  # as it closes itself when nobody answers any more
        return client

    real = module.Client
    monkeypatch.setattr(module, "Client", connected)
    with toy.cluster(tmp_path / "dask") as cluster:
        cluster.scheduler()
        with Fleet(cluster.address, "r") as fleet:
            fleet.send(errand("w0"))
            fleet.send(errand("w1"))
            cluster.kill_scheduler()
            until(lambda: fleet.arrivals(0.1) or fleet.remarks)
            deaths.append(1)
            cluster.scheduler()
            cluster.worker()
            until(lambda: fleet.arrivals(0.1) or len(fleet.remarks) == 2)
            assert all("is lost" in remark for remark in fleet.remarks)
            is_refused(fleet)


def test_a_signal_does_not_make_it_wait_longer(tmp_path: Path) -> None:
    """A signal that is handled beyond the time for which a fleet is to wait is no reason to wait on."""
    handled = []

    def handler(number: int, frame: object) -> None:
        handled.append(number)
        time.sleep(0.5)

    with toy.cluster(tmp_path / "dask") as cluster:
        cluster.scheduler()
        with Fleet(cluster.address, "r") as fleet:
            before = signal.signal(signal.SIGALRM, handler)
            try:
                signal.setitimer(signal.ITIMER_REAL, 0.1)
                while not handled:
                    assert fleet.arrivals(0.3) == []
            finally:
                signal.signal(signal.SIGALRM, before)


def test_workers_that_cannot_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers of this machine that end by themselves are started some times, and then it is said how they end."""
    (tmp_path / "distributed.py").write_text("raise SystemExit('no such thing')\n")
    monkeypatch.setattr("sysfuzz.campaign.local._PAUSE", 0.0)
    monkeypatch.syspath_prepend(str(tmp_path))
    local = Local(2, 2)
    told: list[str] = []
    try:
        with pytest.raises(EngineError, match="on this machine; the last one ended with status 1: no such thing"):
            until(lambda: told.extend(local.tend()))
    finally:
        local.close()
    assert len(told) <= 2
    assert all(one.endswith("ended with status 1: no such thing") for one in told)
