import signal
from pathlib import Path

import pytest

from chassis.embedded.program import Program
from cli.supervisor import LOG_BYTES_MAX, Child, Job, ending, rotate


def child(*, started_at: float = 0.0) -> Child:
    return Child(Job(Program("sample", ("true",), Path.cwd()), stop_round=0), started_at=started_at)


class TestPauses:
    def test_double_up_to_five_seconds(self) -> None:
        dying = child()
        assert [dying.next_pause(1.0) for _ in range(8)] == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]

    def test_begin_again_after_ten_seconds_of_life(self) -> None:
        dying = child()
        for _ in range(5):
            dying.next_pause(1.0)
        dying.started_at = 100.0
        assert dying.next_pause(110.0) == 0.1


class TestLogs:
    def test_a_large_log_is_put_aside(self, tmp_path: Path) -> None:
        log = tmp_path / "writer.log"
        log.write_bytes(b"x" * (LOG_BYTES_MAX + 1))
        rotate(log)
        assert not log.exists()
        assert (tmp_path / "writer.log.1").exists()

    def test_a_small_one_stays(self, tmp_path: Path) -> None:
        log = tmp_path / "writer.log"
        log.write_text("short")
        rotate(log)
        assert log.read_text() == "short"


@pytest.mark.parametrize(
    ("status", "words"), [(0, "exit code 0"), (2, "exit code 2"), (-signal.SIGKILL, "killed by SIGKILL")]
)
def test_an_ending_is_said_in_words(status: int, words: str) -> None:
    assert ending(status) == words
