import json
import stat
from pathlib import Path

import pytest

from chassis.passport import Issuer, Passport, Verifier, parse_trust
from cli import keys, processes
from cli.errors import AlreadyRunning, SettingsIncomplete, StartFailed
from cli.home import DataLock, Home, holder
from cli.house import external_databases
from cli.ports import Ports


class TestKeys:
    def test_are_made_once_and_readable_by_their_owner_only(self, tmp_path: Path) -> None:
        path = tmp_path / "secrets.json"
        first = keys.load(path)
        assert keys.load(path) == first
        assert stat.S_IMODE(path.stat().st_mode) == 0o600

    def test_a_key_that_an_older_file_lacks_is_added_and_the_others_stay(self, tmp_path: Path) -> None:
        path = tmp_path / "secrets.json"
        first = keys.load(path)
        stored = json.loads(path.read_text())
        del stored["passports"]["integration"]
        path.write_text(json.dumps(stored))
        second = keys.load(path)
        assert second.session == first.session
        assert second.passports["gateway"] == first.passports["gateway"]
        assert "integration" in second.passports

    @pytest.mark.parametrize(
        ("issuer", "receiver", "believed"),
        [
            ("gateway", "billing", True),
            ("orchestrator", "writer", True),
            ("writer", "planner", True),
            ("integration", "writer", True),
            ("writer", "billing", False),
            ("integration", "planner", False),
        ],
    )
    def test_trust_follows_who_may_call_whom(
        self, tmp_path: Path, issuer: str, receiver: str, *, believed: bool
    ) -> None:
        made = keys.load(tmp_path / "secrets.json")
        trust = parse_trust(json.dumps(made.trust(receiver)))
        assert (issuer in trust) is believed
        if believed:
            token = Issuer(issuer, made.passports[issuer][0]).mint(Passport(frozenset({"read"})), receiver)
            assert Verifier(receiver, trust).verify(token).issuer == issuer

    def test_only_the_orchestrator_may_give_the_engine_scope(self) -> None:
        assert [issuer for issuer, scopes in keys.SCOPES.items() if "engine" in scopes] == ["orchestrator"]

    def test_the_planner_may_ask_what_texts_mean_and_nothing_else(self) -> None:
        assert keys.SCOPES["planner"] == ("embed",)
        believed = {receiver: keys.CALLERS.get(receiver, ()) for receiver in processes.SERVICES}
        assert [receiver for receiver, issuers in believed.items() if "planner" in issuers] == ["ai"]


class TestDataLock:
    def test_names_the_process_that_holds_it(self, tmp_path: Path) -> None:
        home = Home.at(tmp_path / "data")
        with DataLock(home), pytest.raises(AlreadyRunning, match=r"process \d+.*--data"), DataLock(home):
            pass

    def test_is_free_again_afterwards(self, tmp_path: Path) -> None:
        home = Home.at(tmp_path / "data")
        with DataLock(home):
            assert holder(home) is not None
        assert holder(home) is None


class TestPorts:
    def test_inner_ports_are_remembered(self, tmp_path: Path) -> None:
        names = ("identity", "billing")
        first = Ports(tmp_path / "ports.json", lambda _: True).inner(names)
        assert Ports(tmp_path / "ports.json", lambda _: True).inner(names) == first
        assert len(set(first.values())) == 2

    def test_an_inner_port_that_was_taken_meanwhile_is_replaced(self, tmp_path: Path) -> None:
        first = Ports(tmp_path / "ports.json", lambda _: True).inner(("identity",))["identity"]
        second = Ports(tmp_path / "ports.json", lambda port: port != first).inner(("identity",))["identity"]
        assert second != first

    def test_the_next_outer_port_is_taken_and_said(self, tmp_path: Path) -> None:
        chooser = Ports(tmp_path / "ports.json", lambda port: port != 8080)
        assert chooser.outer("gateway", 8080) == 8081
        assert chooser.said == ["Port 8080 is taken: gateway is on 8081."]

    def test_no_free_port_is_an_error_that_says_which(self, tmp_path: Path) -> None:
        with pytest.raises(StartFailed, match="8080"):
            Ports(tmp_path / "ports.json", lambda _: False).outer("gateway", 8080)


URLS = {f"BILLING_{kind}_URL": f"postgresql://billing_{kind}@db/billing" for kind in ("DATABASE", "OWNER", "SWEEP")}


class TestExternalDatabases:
    def test_all_three_urls_replace_the_embedded_database(self) -> None:
        assert list(external_databases(URLS)) == ["billing"]

    @pytest.mark.parametrize("missing", sorted(URLS))
    def test_one_url_short_says_which(self, missing: str) -> None:
        with pytest.raises(SettingsIncomplete, match=missing):
            external_databases({name: url for name, url in URLS.items() if name != missing})


class TestProcesses:
    def test_every_service_is_started_and_stopped_after_who_calls_it(self) -> None:
        rounds = {process.name: process.stop_round for process in processes.PROCESSES}
        assert set(processes.SERVICES) < set(rounds)
        assert rounds["gateway"] == rounds["worker"] < rounds["identity"] < processes.SERVERS_ROUND

    def test_a_process_that_calls_others_can_mint_passports(self) -> None:
        for process in processes.PROCESSES:
            assert not process.calls or "passport" in process.needs
