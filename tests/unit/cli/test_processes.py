"""Which processes `igny8 up` keeps."""

import pytest

from cli.errors import SettingsWrong
from cli.processes import PROCESSES, replicated


class TestWorkers:
    @pytest.mark.parametrize(
        ("environ", "workers"),
        [
            ({}, ["worker"]),
            ({"WORKERS": ""}, ["worker"]),
            ({"WORKERS": "3"}, ["worker", "worker-2", "worker-3"]),
        ],
    )
    def test_there_are_as_many_as_the_environment_says(self, environ: dict[str, str], workers: list[str]) -> None:
        found = replicated(environ)
        assert [process.name for process in found if process.verb == "work"] == workers
        assert [process for process in found if process.verb != "work"] == [p for p in PROCESSES if p.verb != "work"]

    @pytest.mark.parametrize("said", ["0", "33", "-1", "two", "1.5"])
    def test_a_number_that_cannot_be_is_refused(self, said: str) -> None:
        with pytest.raises(SettingsWrong, match="whole number from 1 to 32"):
            replicated({"WORKERS": said})
