from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.connection import connect
from cli.errors import CommandError
from cli.home import Home, write_json
from cli.main import commands
from cli.measure import _name, _pss


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """What `igny8 up` and `igny8 demo` leave for other commands."""
    made = Home.at(tmp_path)
    write_json(made.state, {"api_url": "http://127.0.0.1:8080"})
    write_json(made.client, {"api_key": "local-key", "site": "local-site"})
    return made


def authorization(link_key: object) -> str:
    return str(getattr(link_key, "_session").headers["Authorization"])  # noqa: B009 - what is sent is what is asked


class TestConnect:
    def test_finds_what_runs_here(self, home: Home) -> None:
        link = connect(home.data, "", "", "")
        assert link.api.url == "http://127.0.0.1:8080"
        assert authorization(link.api) == "Bearer local-key"
        assert link.site() == "local-site"

    def test_never_sends_the_local_key_to_another_address(self, home: Home) -> None:
        with pytest.raises(CommandError, match="No API key"):
            connect(home.data, "https://elsewhere.example", "", "")

    def test_what_is_named_wins(self, home: Home) -> None:
        link = connect(home.data, "https://elsewhere.example/", "mine", "site")
        assert (link.api.url, authorization(link.api), link.site()) == (
            "https://elsewhere.example",
            "Bearer mine",
            "site",
        )

    def test_without_anything_it_says_what_to_do(self, tmp_path: Path) -> None:
        with pytest.raises(CommandError, match="igny8 up"):
            connect(tmp_path, "", "", "")


class TestHelp:
    @pytest.mark.parametrize(
        "command",
        [
            *("up", "demo", "doctor", "import", "quote", "run", "status", "runs", "pipeline", "log"),
            *("pause", "resume", "cancel", "replay", "admin"),
        ],
    )
    def test_every_command_explains_itself(self, command: str) -> None:
        result = CliRunner().invoke(commands, [command, "--help"])
        assert result.exit_code == 0
        assert "Usage" in result.output

    def test_stages_that_are_no_numbers_are_a_usage_error(self, home: Home) -> None:
        result = CliRunner().invoke(commands, ["quote", "--stages", "one", "--data", str(home.data)])
        assert result.exit_code == 2
        assert "--stages" in result.output


class TestMeasure:
    def test_reads_the_proportional_set_size_in_bytes(self) -> None:
        assert _pss("Rss:  200 kB\nPss:   100 kB\nPss_Dirty: 50 kB\n") == 102_400

    @pytest.mark.parametrize(
        ("command_line", "name"),
        [
            (b"/v/python\0-m\0services.writer\0serve\0", "services.writer serve"),
            (b"postgres: billing_app billing [local] idle", "postgres"),
            (b"/v/python\0-I\0-S\0/x/cli/watchdog.py\0", "watchdog"),
            (b"", "(ending)"),
        ],
    )
    def test_a_process_is_called_by_what_it_runs(self, command_line: bytes, name: str) -> None:
        assert _name(command_line) == name
