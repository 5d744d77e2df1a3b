"""A campaign as metrics, in the text format of Prometheus.

Counters are sums over finished epochs, which are on disk: they neither fall nor begin anew when a runner, a machine or this server does. What an
epoch in flight has come to may be lost with it, so that it is a gauge. Format: Prometheus, "Exposition formats", text version 0.0.4.
"""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric
from prometheus_client.registry import Collector

from sysfuzz.campaign.state import State
from sysfuzz.dashboard.census import census
from sysfuzz.dashboard.weaknesses import known
from sysfuzz.findings.finding import STATUSES
from sysfuzz.findings.severity import SEVERITIES

CONTENT_TYPE = CONTENT_TYPE_PLAIN_0_0_4

_Rows = Iterable[tuple[tuple[str, ...], float]]


def render(state: State) -> bytes:
    """The metrics of a campaign."""
    registry = CollectorRegistry()
    registry.register(_Campaign(state))
    return generate_latest(registry)


def _label(name: str) -> str:
    """A name that UTF-8 can hold, and another for each: a file's may be any bytes."""
    return name.encode(errors="backslashreplace").decode()


class _Campaign(Collector):
    def __init__(self, state: State) -> None:
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """All of them."""
        state = self._state
        workers = state.workers
        info = {
            "target": _label(state.campaign.target),
            "core": _label(state.core),
            "seed": str(state.campaign.seed),
        }
        yield InfoMetricFamily("sysfuzz_campaign", "What the campaign is.", value=info)
        yield _gauge("campaign_up", "Whether a runner has the campaign.", [((), float(state.running))])
        yield _counter(
            "executions", "Executions of finished epochs.", [((), sum(worker.executions for worker in workers))]
        )
        yield _gauge(
            "executions_per_second", "Executions a second of the workers that are up.", [((), state.recent_rate)]
        )
        yield _counter("epochs", "Finished epochs.", [((), state.epochs)])
        yield _counter("fuzzing_seconds", "Time during which at least one worker ran.", [((), state.seconds)])
        yield _counter("shown", "Executions that showed a bug.", [((), state.shown)])
        yield _counter("restarts", "Workers that had to be started again within an epoch.", [((), state.restarts)])
        domains = [((domain,), float(count)) for domain, count in state.features.items()]
        yield _gauge("features", "Features that the corpus shows on this version of the core.", domains, "domain")
        yield _gauge("corpus_programs", "Programs of the corpus.", [((), state.programs)])
        found = census(state).counts
        kinds = (((severity, status), found[severity, status]) for severity in SEVERITIES for status in STATUSES)
        yield _gauge("findings", "Findings.", kinds, "severity", "status")
        yield _gauge("findings_damaged", "Findings that cannot be read.", [((), len(state.damaged))])
        yield _gauge("faults", "Distinct faults of the engine.", [((), len(state.faults))])
        yield _gauge("worker_up", "Whether a worker lives.", (((one.shard,), one.alive) for one in workers), "worker")
        done = (((one.shard,), one.executions) for one in workers)
        yield _counter("worker_executions", "Executions of a worker's finished epochs.", done, "worker")
        yield _counter(
            "worker_epochs", "A worker's finished epochs.", (((one.shard,), one.epochs) for one in workers), "worker"
        )
        flying = (((one.shard,), one.live.executions if one.alive and one.live else 0) for one in workers)
        yield _gauge("worker_epoch_executions", "Executions of the epoch that a worker is in.", flying, "worker")
        for name, what, when in (
            ("last_feature", "a feature was new", state.last_feature),
            ("last_finding", "a finding was new", state.last_finding),
        ):
            times = [((), when.timestamp())] if when else []
            yield _gauge(f"{name}_timestamp_seconds", f"When {what} last; missing if none ever was.", times)
        weak = known(state)
        if weak is not None:
            counts = [(("true",), weak.found), (("false",), len(weak.rows) - weak.found)]
            yield _gauge("weaknesses", "Known weaknesses of the target.", counts, "found")


def _gauge(name: str, words: str, rows: _Rows, *labels: str) -> Metric:
    return _filled(GaugeMetricFamily(f"sysfuzz_{name}", words, labels=labels), rows)


def _counter(name: str, words: str, rows: _Rows, *labels: str) -> Metric:
    return _filled(CounterMetricFamily(f"sysfuzz_{name}", words, labels=labels), rows)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, rows: _Rows) -> Metric:
    for values, number in rows:
        family.add_metric(tuple(map(_label, values)), float(number))
    return family
