"""Where the epochs of a campaign run, as the command line has it."""

import sys

import pytest

from sysfuzz.campaign import runner
from sysfuzz.cli.cluster_options import way
from sysfuzz.cli.errors import BadInput


@pytest.mark.parametrize(
    ("scheduler", "depot", "words"),
    [
        ("8786", None, "--scheduler: '8786' is no address; supported: tcp://HOST:PORT, local, local:N"),
        ("tcp://host", None, "--scheduler: 'tcp://host' is no address; supported: tcp://HOST:PORT, local, local:N"),
        ("local:0", None, "--scheduler: 'local:0' is no address; supported: tcp://HOST:PORT, local, local:N"),
        (None, "s3://bucket/campaign", "--depot: needs --scheduler"),
    ],
)
def test_what_is_no_cluster(scheduler: str | None, depot: str | None, words: str) -> None:
    """Anything else is refused before anything is looked at."""
    with pytest.raises(BadInput) as raised:
        way(scheduler, depot, 1)
    assert str(raised.value) == words


def test_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """What must be installed is said."""
    monkeypatch.setitem(sys.modules, "sysfuzz.campaign.cluster", None)
    monkeypatch.delattr("sysfuzz.campaign.cluster", raising=False)
    with pytest.raises(BadInput, match=r"supported: pip install 'sysfuzz\[cluster\]'"):
        way("local", None, 1)


def test_this_machine() -> None:
    """Without a scheduler it is the runner's; `local:3` has three workers, `local` as many as there are otherwise."""
    assert way(None, None, 4) == (runner.run, 4)
    pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
    assert way("local:3", None, 1).workers == 3
    assert way("local", None, 2).workers == 2
    assert way("tcp://host:8786", None, 2).workers == 2
