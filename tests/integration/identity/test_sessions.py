"""Signing up and in, and what a credential is worth."""

from pathlib import Path

import pytest
from igny8.common.v1 import events_service_pb2, events_service_pb2_grpc
from igny8.identity.v1 import identity_pb2
from igny8.identity.v1 import identity_service_pb2 as rpc

from chassis.config import Environment
from chassis.errors import Fault, Kind
from chassis.ids import new_id
from services.identity.__main__ import operator_key
from tests.integration.identity.conftest import PASSWORD, Identity, authenticate, reason


def refresh(identity: Identity, token: str) -> identity_pb2.Session:
    request = rpc.RefreshSessionRequest(refresh_token=token)
    session: identity_pb2.Session = identity.edge().call(identity.stub.RefreshSession, request).session
    return session


class TestSignUp:
    def test_opens_an_account_on_the_free_plan_with_its_owner(self, identity: Identity) -> None:
        answer, caller = identity.sign_up(time_zone="Europe/Rome", country="IT")
        account = caller.call(identity.stub.GetAccount, rpc.GetAccountRequest())
        assert (account.plan, account.time_zone, account.country) == ("free", "Europe/Rome", "IT")
        assert account.status == identity_pb2.Account.STATUS_ACTIVE
        member = caller.call(identity.stub.ListMembers, rpc.ListMembersRequest()).members[0]
        assert (member.role, member.email) == (identity_pb2.Member.ROLE_OWNER, account.billing_email)
        assert authenticate(identity, answer.session.access_token).actor_id == member.user_id

    def test_the_fact_leaves_with_the_account(self, identity: Identity) -> None:
        answer, _ = identity.sign_up()
        stub = events_service_pb2_grpc.OutboxServiceStub(identity.running.channel)
        events = (
            identity.running.caller().call(stub.PullEvents, events_service_pb2.PullEventsRequest(limit=1000)).events
        )
        opened = [event for event in events if event.account_id == answer.account.id]
        assert [(event.kind, event.payload_json) for event in opened] == [
            ("identity.account_opened", '{"plan": "free"}')
        ]

    def test_an_address_has_one_account(self, identity: Identity) -> None:
        identity.sign_up(email="grace@example.com")
        with pytest.raises(Fault) as failed:
            identity.sign_up(email=" Grace@Example.com")
        assert failed.value.code is Kind.ALREADY_EXISTS

    def test_a_repeat_is_answered_with_the_same_account(self, identity: Identity) -> None:
        first, _ = identity.sign_up(email="rear@example.com", request_id="r1")
        again, _ = identity.sign_up(email="rear@example.com", request_id="r1")
        assert again.account.id == first.account.id
        assert authenticate(identity, again.session.access_token).account_id == first.account.id

    @pytest.mark.parametrize("change", [{"password": "another password"}, {"request_id": "r2"}, {"request_id": ""}])
    def test_what_is_no_repeat_is_refused(self, identity: Identity, change: dict[str, str]) -> None:
        email = f"{new_id()}@example.com"
        identity.sign_up(email=email, request_id="r1")
        with pytest.raises(Fault, match="has an account"):
            identity.sign_up(**{"email": email, "request_id": "r1", **change})

    def test_every_wrong_field_is_named_at_once(self, identity: Identity) -> None:
        with pytest.raises(Fault) as failed:
            identity.sign_up(email="nobody", password="short", time_zone="Mars/Olympus", country="Italy")
        assert [v.field for v in failed.value.violations] == ["email", "password", "time_zone", "country"]


class TestLogIn:
    def test_wrong_address_and_wrong_password_answer_alike(self, identity: Identity) -> None:
        identity.sign_up(email="hedy@example.com")
        answers = set()
        for email, password in (("hedy@example.com", "not the password"), ("nobody@example.com", PASSWORD)):
            with pytest.raises(Fault) as failed:
                identity.edge().call(identity.stub.LogIn, rpc.LogInRequest(email=email, password=password))
            answers.add((failed.value.code, failed.value.reason, failed.value.message))
        assert len(answers) == 1
        assert answers.pop()[1] == "WRONG_CREDENTIALS"

    def test_a_suspended_account_is_refused_everywhere(self, identity: Identity) -> None:
        answer, caller = identity.sign_up(email="mary@example.com")
        identity.suspend(caller)
        log_in = rpc.LogInRequest(email="mary@example.com", password=PASSWORD)
        calls = [
            (identity.stub.LogIn, log_in),
            (identity.stub.Authenticate, rpc.AuthenticateRequest(credential=answer.session.access_token)),
            (identity.stub.RefreshSession, rpc.RefreshSessionRequest(refresh_token=answer.session.refresh_token)),
            (identity.stub.ResolveSite, rpc.ResolveSiteRequest(account_id=answer.account.id)),
        ]
        assert {reason(identity.edge(), method, request) for method, request in calls} == {"ACCOUNT_INACTIVE"}

    def test_an_access_token_ends_after_fifteen_minutes(self, identity: Identity) -> None:
        answer, _ = identity.sign_up()
        identity.clock.move(minutes=16)
        request = rpc.AuthenticateRequest(credential=answer.session.access_token)
        assert reason(identity.edge(), identity.stub.Authenticate, request) == "INVALID_CREDENTIAL"


class TestRefresh:
    def test_a_token_works_once_and_its_return_ends_the_session(self, identity: Identity) -> None:
        answer, _ = identity.sign_up()
        second = refresh(identity, answer.session.refresh_token)
        assert authenticate(identity, second.access_token).account_id == answer.account.id
        for stolen in (answer.session.refresh_token, second.refresh_token):
            request = rpc.RefreshSessionRequest(refresh_token=stolen)
            assert reason(identity.edge(), identity.stub.RefreshSession, request) == "INVALID_CREDENTIAL"
        ended = rpc.AuthenticateRequest(credential=second.access_token)
        assert reason(identity.edge(), identity.stub.Authenticate, ended) == "INVALID_CREDENTIAL"

    def test_a_session_that_was_left_is_over(self, identity: Identity) -> None:
        session = identity.sign_up()[0].session
        for _ in range(2):
            identity.edge().call(identity.stub.LogOut, rpc.LogOutRequest(refresh_token=session.refresh_token))
        request = rpc.RefreshSessionRequest(refresh_token=session.refresh_token)
        assert reason(identity.edge(), identity.stub.RefreshSession, request) == "INVALID_CREDENTIAL"

    def test_a_week_is_the_longest_wait(self, identity: Identity) -> None:
        session = identity.sign_up()[0].session
        identity.clock.move(days=7, seconds=1)
        request = rpc.RefreshSessionRequest(refresh_token=session.refresh_token)
        assert reason(identity.edge(), identity.stub.RefreshSession, request) == "INVALID_CREDENTIAL"


class TestAuthenticate:
    @pytest.mark.parametrize(
        ("role", "scopes"),
        [
            ("owner", ["manage", "read", "write"]),
            ("admin", ["manage", "read", "write"]),
            ("editor", ["read", "write"]),
            ("viewer", ["read"]),
        ],
    )
    def test_a_role_is_a_set_of_scopes(self, identity: Identity, role: str, scopes: list[str]) -> None:
        answer, caller = identity.sign_up()
        identity.sql(caller, f"UPDATE membership SET role = '{role}'")  # noqa: S608 - a role of this table
        assert list(authenticate(identity, answer.session.access_token).scopes) == scopes

    @pytest.mark.parametrize("credential", ["x", "igny8_site_00000000_" + "0" * 64, "a.b.c", "igny8_operator_1_2"])
    def test_what_nobody_was_given_is_refused(self, identity: Identity, credential: str) -> None:
        request = rpc.AuthenticateRequest(credential=credential)
        assert reason(identity.edge(), identity.stub.Authenticate, request) == "INVALID_CREDENTIAL"

    def test_only_an_operator_acts_for_others(self, identity: Identity) -> None:
        answer, _ = identity.sign_up()
        request = rpc.AuthenticateRequest(
            credential=answer.session.access_token, acting_for_account_id=answer.account.id
        )
        assert reason(identity.edge(), identity.stub.Authenticate, request) == "PERMISSION_DENIED"


class TestOperator:
    def test_acts_for_an_account_and_is_audited(self, identity: Identity, capsys: pytest.CaptureFixture[str]) -> None:
        assert operator_key(_environment(identity), ["--name", "Support"]) == 0
        key = capsys.readouterr().out.strip()
        assert list(authenticate(identity, key).scopes) == ["operator"]
        answer, caller = identity.sign_up()
        principal = authenticate(identity, key, answer.account.id)
        assert list(principal.scopes) == ["manage", "operator", "read", "write"]
        assert principal.account_id == answer.account.id
        assert identity.sql(caller, "SELECT operator_name FROM operator_access") == ["Support"]

    def test_an_unknown_account_is_not_found(self, identity: Identity, capsys: pytest.CaptureFixture[str]) -> None:
        operator_key(_environment(identity), ["--name", "Support"])
        request = rpc.AuthenticateRequest(
            credential=capsys.readouterr().out.strip(), acting_for_account_id=str(new_id())
        )
        assert reason(identity.edge(), identity.stub.Authenticate, request) == "NOT_FOUND"

    def test_a_key_file_is_written_once(self, identity: Identity, tmp_path: Path) -> None:
        path = tmp_path / "keys" / "operator"
        arguments = ["--name", "Support", "--key-file", str(path)]
        assert operator_key(_environment(identity), arguments) == 0
        first = path.read_text()
        assert operator_key(_environment(identity), arguments) == 0
        assert path.read_text() == first
        assert path.stat().st_mode & 0o777 == 0o600
        path.write_text("no key\n")
        assert operator_key(_environment(identity), arguments) == 0
        assert authenticate(identity, path.read_text().strip()).actor_kind == "operator"


def _environment(identity: Identity) -> Environment:
    return Environment({"IDENTITY_OWNER_URL": identity.urls.owner})
