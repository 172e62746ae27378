"""The planner's functions as the orchestrator calls them, and its program as an operator starts it."""

import json
import subprocess
import sys

import pytest
from igny8.common.v1 import functions_service_pb2 as wire
from igny8.common.v1 import functions_service_pb2_grpc

from chassis import service
from chassis.embedded.postgres import EmbeddedPostgres
from chassis.embedded.roles import bootstrap_service
from chassis.errors import Fault, Kind
from chassis.ids import new_id
from services.planner.__main__ import build
from tests.integration.planner.conftest import Account


class TestFunctions:
    def test_an_import_goes_from_selection_to_report(self, account: Account) -> None:
        stub = functions_service_pb2_grpc.FunctionsServiceStub(account.planner.running.channel)
        import_id = str(new_id())
        options = json.dumps(account.upload(b"keyword,volume\nmoka pot,10\n"))
        selected = account.caller.call(
            stub.SelectWork,
            wire.SelectWorkRequest(function="import_keywords", subject_ids=[import_id], limit=5, options_json=options),
        )
        assert [item.subject_id for item in selected.items] == [import_id]
        request = wire.ApplyWorkRequest(
            step_id=str(new_id()),
            run_id=str(new_id()),
            function="import_keywords",
            subject_id=import_id,
            options_json=options,
        )
        done = account.caller.call(stub.ApplyWork, request)
        assert [(made.kind, made.id) for made in done.made] == [("keyword_import", import_id)]
        assert [keyword.text for keyword in account.rows("Keywords")] == ["moka pot"]

    def test_a_refused_file_fails_for_good_with_its_reason(self, account: Account) -> None:
        stub = functions_service_pb2_grpc.FunctionsServiceStub(account.planner.running.channel)
        request = wire.ApplyWorkRequest(
            step_id=str(new_id()),
            function="import_keywords",
            subject_id=str(new_id()),
            options_json=json.dumps(account.upload(b"foo,bar\n1,2\n")),
        )
        with pytest.raises(Fault) as failed:
            account.caller.call(stub.ApplyWork, request)
        assert (failed.value.reason, failed.value.code) == ("UNKNOWN_LAYOUT", Kind.INVALID_ARGUMENT)
        assert "foo, bar" in failed.value.message


class TestProgram:
    def test_without_its_environment_it_says_what_is_missing(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.delenv("OBJECTS_URL", raising=False)
        assert service.main("planner", build, ["serve"]) == 2
        said = capsys.readouterr().err
        assert "OBJECTS_URL is not set" in said
        assert "PLANNER_DATABASE_URL is not set" in said

    def test_it_migrates_and_serves_until_told_to_stop(
        self, postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        urls = bootstrap_service(postgres.admin_url, "planner", password=postgres.passwords, database="planner_program")
        folder = tmp_path_factory.mktemp("program")
        environment = {
            "PLANNER_LISTEN": "127.0.0.1:0",
            "PLANNER_DATABASE_URL": urls.app,
            "PLANNER_SWEEP_URL": urls.sweep,
            "PLANNER_OWNER_URL": urls.owner,
            "OBJECTS_URL": folder.as_uri(),
            "PYTHONPATH": ":".join(sys.path),
        }
        program = [sys.executable, "-m", "services.planner"]
        subprocess.run([*program, "migrate"], env=environment, check=True, timeout=60)
        with subprocess.Popen([*program, "serve"], env=environment, stderr=subprocess.PIPE, text=True) as server:
            assert server.stderr is not None
            assert "serving on port" in server.stderr.readline()
            server.terminate()
            assert server.wait(30) == 0
