"""The test site itself: it serves, and nothing of it outlives the tests."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.wordpress import WordPressUnavailable, packages
from tests.e2e.wordpress.fixture import start_or_explain

pytestmark = pytest.mark.wordpress

OWNER = """
import sys
from tests.e2e.wordpress import WordPressSite
site = WordPressSite.start()
print(site.content_dir, site._supervisor.pid, flush=True)
sys.stdin.read()
"""


def processes_of(folder: Path) -> list[str]:
    """Ids of the running processes that name the site's folder in their arguments or environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended while we looked
            named = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            if str(folder).encode() in named:
                found.append(process.name)
    return found


@pytest.mark.parametrize("victim", ["owner", "supervisor"])
def test_nothing_outlives_a_kill(victim: str) -> None:
    start_or_explain().stop()
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with owner:
        assert owner.stdout is not None
        content_dir, supervisor = owner.stdout.readline().split()
        folder = Path(content_dir).parent
        assert len(processes_of(folder)) >= 3
        os.kill(owner.pid if victim == "owner" else int(supervisor), signal.SIGKILL)
        until = time.monotonic() + 10
        while processes_of(folder) and time.monotonic() < until:
            time.sleep(0.05)
        assert processes_of(folder) == []
        assert not folder.exists()
        owner.kill()


@pytest.mark.parametrize(("ci", "outcome"), [("true", WordPressUnavailable), ("", pytest.skip.Exception)])
def test_without_a_way_to_install_it_fails_in_ci_and_is_skipped_with_the_reason_elsewhere(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    monkeypatch.setattr(packages, "program", lambda _name: None)
    monkeypatch.setattr(os, "geteuid", lambda: 1_000)
    with pytest.raises(outcome, match="apt-get install --no-install-recommends php-cli"):
        start_or_explain()


def test_two_sites_run_side_by_side_and_share_nothing() -> None:
    with start_or_explain() as one, start_or_explain(subfolder="blog") as two:
        one.run_php("wp_insert_post(['post_title' => 'Only here', 'post_status' => 'publish']);")
        assert one.run_php("echo wp_count_posts()->publish;") == "2"
        assert two.run_php("echo wp_count_posts()->publish;") == "1"
        assert two.url.endswith("/blog")
