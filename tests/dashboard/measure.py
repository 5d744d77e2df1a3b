"""How fast the dashboard answers, measured on a campaign that is made for it; no test, since a busy machine is no fault.

    python tests/dashboard/measure.py [DIR]

makes a campaign of 5,000 findings, 100,000 programs and 2,000 epochs in DIR, if nothing is there, and asks a real dashboard for each page.
"""

import json
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from statistics import median

from made_campaign import TARGET, large

from sysfuzz.campaign.layout import Layout

FINDINGS, PROGRAMS, EPOCHS = 5000, 100_000, 1000  # epochs of each of two workers
TIMES = 20
PATHS = (
    "/", "/plots", "/findings", "/findings?sort=last", "/findings?text=made%2F49&page=2", "/findings?kind=design",
    f"/finding/{TARGET}--made--4999", "/workers", "/corpus", "/weaknesses", "/metrics", "/api/state", "/healthz",
)  # fmt: skip


def main(home: Path) -> None:
    """Make the campaign, and ask."""
    if not home.exists():
        began = time.monotonic()
        large(home, FINDINGS, PROGRAMS, EPOCHS)
        print(f"made {home} in {time.monotonic() - began:.0f} s")
    began = time.monotonic()
    command = [sys.executable, "-m", "sysfuzz", "dashboard", str(home), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url = server.stdout.readline().split()[0].rstrip("/")
            print(f"listens after {time.monotonic() - began:.2f} s")
            for path in PATHS:
                took = sorted(asked(url + path) for _ in range(TIMES))
                print(f"{took[0] * 1000:6.0f} {median(took) * 1000:6.0f} {took[-1] * 1000:6.0f} ms  {path}")
            print(
                "the same, each when the last look has become old and a finding has been seen once more (least, median, most):"
            )
            took = []
            for path in (*PATHS, *PATHS):
                time.sleep(SLEEP)
                see_again(Layout(home).findings / f"{TARGET}--made--7" / "finding.json")
                took.append((asked(url + path), path))
            print(
                f"{min(took)[0] * 1000:6.0f} {median(one for one, _ in took) * 1000:6.0f} {max(took)[0] * 1000:6.0f} ms  most: {max(took)[1]}"
            )
        finally:
            server.terminate()


SLEEP = 5.0  # seconds: longer than an answer is kept


def see_again(path: Path) -> None:
    """Count one more sighting of a finding, as a campaign does."""
    record = json.loads(path.read_text(encoding="utf-8"))
    new = path.with_name(".new")
    new.write_text(json.dumps(record | {"count": record["count"] + 1}), encoding="utf-8")
    new.rename(path)


def asked(url: str) -> float:
    """Seconds that an answer takes."""
    began = time.monotonic()
    with urllib.request.urlopen(url) as answer:
        answer.read()
    return time.monotonic() - began


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as directory:
            main(Path(directory) / "campaign")
