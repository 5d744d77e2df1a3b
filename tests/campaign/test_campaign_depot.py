"""The depot: another place for a campaign's directory, from which it can be opened at any moment."""

from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

pytest.importorskip("fsspec", reason="the extra 'cluster' is not installed")

import toy_campaign as toy
from sysfuzz.campaign.check import check
from sysfuzz.campaign.depot import SILENCE, Depot, Mirror
from sysfuzz.campaign.durable import append
from sysfuzz.campaign.layout import Layout
from sysfuzz.campaign.lock import Held
from sysfuzz.campaign.opening import Refused

HERE = {"host": "here", "pid": 1, "started": "2026-01-31T12:00:00Z", "command": "x"}
THERE = HERE | {"host": "there"}
LATER = toy.WHEN + timedelta(seconds=SILENCE + 1)


@pytest.fixture(params=["memory", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty depot of each kind."""
    return f"memory://{tmp_path}" if request.param == "memory" else (tmp_path / "depot").as_uri()


def contents(layout: Layout) -> dict[str, bytes]:
    """What a campaign's files hold, but for what says who has it."""
    return {
        path.relative_to(layout.home).as_posix(): path.read_bytes()
        for path in sorted(layout.home.rglob("*"))
        if path.is_file() and path.name != "depot.json"
    }


def some(home: Path) -> Layout:
    """A campaign with two epochs."""
    layout = toy.campaign(home)
    toy.commit(layout, "w0", toy.program(1, {"calls": ["a"]}), toy.program(2, {"calls": ["b"]}))
    toy.commit(layout, "w1", toy.program(3, {"calls": ["c"]}))
    return layout


def test_another_directory_goes_on(tmp_path: Path, url: str) -> None:
    """An empty directory gets all that was sent, also what has changed and gone since, and the one before is refused from then on.

    People's notes may be in any encoding.
    """
    layout = some(tmp_path / "here")
    (layout.findings / "a").mkdir(parents=True)
    (layout.findings / "a" / "notes.md").write_bytes("café".encode("latin-1"))
    mirror = Mirror(Depot(url), layout, HERE, toy.WHEN)
    toy.commit(layout, "w0", toy.program(4, {"calls": ["d"]}))
    append(layout.distilled, [{"program": toy.program(3).name}])
    layout.program("w1", toy.program(3).name).unlink()
    mirror.close(toy.WHEN)
    other = Layout(tmp_path / "there")
    other.home.mkdir()
    mirror = Mirror(Depot(url), other, THERE, toy.WHEN)
    assert contents(other) == contents(layout)
    assert check(other).problems == ()
    toy.commit(other, "w0", toy.program(5, {"calls": ["e"]}))
    mirror.close(toy.WHEN)
    with pytest.raises(Refused, match="has gone on without it"):
        Mirror(Depot(url), layout, HERE, LATER)


def test_one_driver_at_a_time(tmp_path: Path, url: str) -> None:
    """Who holds a depot keeps it until it leaves, or has said nothing for long; then it notices that somebody else has it."""
    layout = some(tmp_path / "here")
    mirror = Mirror(Depot(url), layout, HERE, toy.WHEN)
    other = Layout(tmp_path / "there")
    other.home.mkdir()
    with pytest.raises(Held, match="process 1 on here"):
        Mirror(Depot(url), other, THERE, toy.WHEN + timedelta(seconds=SILENCE - 1))
    taken = Mirror(Depot(url), other, THERE, LATER)
    taken.send(LATER)
    with pytest.raises(Held, match="process 1 on there"):
        mirror.send(LATER)


class _Dying(Depot):
    """Ends after so many files, as a driver that is killed."""

    left = 0

    def _put(self, files: dict[str, bytes]) -> None:  # type: ignore[override]
        for name, data in files.items():
            if not self.left:
                raise KeyboardInterrupt
            self.left -= 1
            super()._put({name: data})


@pytest.mark.parametrize("files", range(12))
def test_a_killed_driver_leaves_a_sound_depot(tmp_path: Path, files: int) -> None:
    """Whichever file is the last that was sent, what the depot holds is a sound campaign, if it is one."""
    layout = some(tmp_path / "here")
    url = f"memory://{tmp_path}/depot"
    Mirror(Depot(url), layout, HERE, toy.WHEN)
    for number in (4, 5):
        toy.commit(layout, "w0", toy.program(number, {"calls": [str(number)]}))
        append(layout.events, [{"when": "2026-01-31T12:00:00Z", "event": "x"}])
    dying = _Dying(url)
    dying.left = files
    with suppress(KeyboardInterrupt):
        Mirror(dying, layout, HERE, LATER)
    other = Layout(tmp_path / "there")
    other.home.mkdir()
    Mirror(Depot(url), other, THERE, LATER + timedelta(seconds=SILENCE + 1))
    assert check(other).problems == ()


def test_corpora(tmp_path: Path, url: str) -> None:
    """A corpus is found by its name for as long as it is used."""
    depot = Depot(url)
    names = [depot.keep(data) for data in (b"one", b"two")]
    assert [Depot(url).snapshot(name) for name in names] == [b"one", b"two"]
    depot.forget(names[:1])
    assert depot.get(f"snapshots/{names[0]}") == b"one"
    with pytest.raises(FileNotFoundError):
        depot.get(f"snapshots/{names[1]}")


def test_no_such_place() -> None:
    """A kind of place that nobody knows is refused with its name."""
    with pytest.raises(Refused, match="nowhere://x: "):
        Depot("nowhere://x")
