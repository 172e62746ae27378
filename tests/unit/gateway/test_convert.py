"""JSON to messages and back."""

from typing import Any

import orjson
import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.message_factory import GetMessageClass
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from igny8.identity.v1 import identity_pb2
from igny8.integration.v1 import integration_pb2
from igny8.orchestrator.v1 import orchestrator_pb2
from igny8.planner.v1 import planner_pb2

from chassis.errors import InvalidArgument
from gateway.convert import reader, writer
from gateway.convert.reading import Violations
from tests.unit.gateway.messages import all_descriptors, filled

DEEP: Any = {}
for _ in range(400):
    DEEP = {"deeper": DEEP}


def parse(message: Any, value: object) -> Any:
    violations = Violations()
    reader(message.DESCRIPTOR).read(message, value, "", violations)
    violations.check()
    return message


def wrong(message: Any, value: object) -> dict[str, str]:
    with pytest.raises(InvalidArgument) as refused:
        parse(message, value)
    return {violation.field: violation.description for violation in refused.value.violations}


class TestRoundTrip:
    @pytest.mark.parametrize("descriptor", all_descriptors(), ids=lambda d: d.full_name)
    def test_every_message_comes_back_through_json_bytes(self, descriptor: Descriptor) -> None:
        @settings(max_examples=6, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(filled(descriptor))
        def check(message: Any) -> None:
            written = orjson.loads(orjson.dumps(writer(descriptor).write(message)))
            assert parse(GetMessageClass(descriptor)(), written) == message

        check()

    @given(
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(), lambda s: st.lists(s) | st.dictionaries(st.text(), s)
        )
    )
    @settings(max_examples=60, deadline=None)
    def test_any_json_is_read_or_refused_by_name(self, value: object) -> None:
        body = {
            "volume": value,
            "status": value,
            "attributes": value,
            "create_time": value,
            "disabled": value,
            "text": value,
        }
        violations = Violations()
        reader(planner_pb2.Keyword.DESCRIPTOR).read(planner_pb2.Keyword(), body, "", violations)
        reader(orchestrator_pb2.RunPlan.DESCRIPTOR).read(orchestrator_pb2.RunPlan(), value, "", violations)


class TestWriting:
    def test_every_key_is_there_and_what_is_absent_is_null(self) -> None:
        written = writer(planner_pb2.Keyword.DESCRIPTOR).write(planner_pb2.Keyword(text="espresso"))
        assert written["text"] == "espresso"
        assert {name: written[name] for name in ("volume", "difficulty", "create_time", "attributes", "status")} == {
            "volume": None,
            "difficulty": None,
            "create_time": None,
            "attributes": None,
            "status": None,
        }
        assert len(written) == len(planner_pb2.Keyword.DESCRIPTOR.fields)

    def test_zero_is_not_absent(self) -> None:
        assert writer(planner_pb2.Keyword.DESCRIPTOR).write(planner_pb2.Keyword(volume=0))["volume"] == 0

    def test_secrets_that_were_sent_are_never_shown(self) -> None:
        secret = integration_pb2.SiteIntegration(credentials_json='{"application_password": "abcd"}')
        written = writer(integration_pb2.SiteIntegration.DESCRIPTOR).write(secret)
        assert "abcd" not in str(written)
        assert not [key for key in written if key.startswith("credentials")]

    def test_json_is_json_and_enums_are_words_and_times_are_rfc_3339(self) -> None:
        keyword = planner_pb2.Keyword(attributes_json='{"brand":"x"}', status=planner_pb2.MAPPING_STATUS_NEW)
        keyword.create_time.FromJsonString("2026-11-22T08:00:00.5Z")
        written = writer(planner_pb2.Keyword.DESCRIPTOR).write(keyword)
        assert written["attributes"] == {"brand": "x"}
        assert written["status"] == "new"
        assert written["create_time"] == "2026-11-22T08:00:00.500000Z"


class TestReading:
    @pytest.mark.parametrize(
        ("value", "field", "says"),
        [
            ({"volumes": 1}, "volumes", "did you mean volume"),
            ({"volume": "10"}, "volume", "whole number"),
            ({"volume": True}, "volume", "whole number"),
            ({"volume": 1.5}, "volume", "whole number"),
            ({"volume": 2**63}, "volume", "from -9223372036854775808 to 9223372036854775807"),
            ({"difficulty": "low"}, "difficulty", "number"),
            ({"disabled": 1}, "disabled", "true or false"),
            ({"text": 1}, "text", "text"),
            ({"status": "fresh"}, "status", "new, mapped"),
            ({"status": 1}, "status", "new, mapped"),
            ({"attributes": "{}"}, "attributes", "JSON object"),
            ({"attributes": []}, "attributes", "JSON object"),
            ({"attributes": DEEP}, "attributes", "nested too deeply"),
            ({"attributes_json": "{}"}, "attributes_json", "did you mean attributes"),
            ({"create_time": "2026-11-22"}, "create_time", "2026-11-22T08:00:00Z"),
            ({"create_time": "2026-11-22T08:00:00"}, "create_time", "zone"),
            ({"create_time": "2026-13-22T08:00:00Z"}, "create_time", "2026-11-22T08:00:00Z"),
            ({"create_time": "0001-01-01T00:00:00+10:00"}, "create_time", "2026-11-22T08:00:00Z"),
            ({"create_time": 1}, "create_time", "zone"),
            ([], "body", "JSON object"),
            (None, "body", "JSON object"),
        ],
    )
    def test_a_wrong_value_is_named(self, value: object, field: str, says: str) -> None:
        found = wrong(planner_pb2.Keyword(), value)
        assert list(found) == [field]
        assert says in found[field]

    def test_the_path_leads_into_lists_and_messages(self) -> None:
        run = {"plan": {"stages": [1, "two"], "max_articles": 2**31}, "stages": [{"stage": 1}, {"planned": "x"}]}
        assert set(wrong(orchestrator_pb2.Run(), run)) == {"plan.stages[1]", "plan.max_articles", "stages[1].planned"}

    def test_everything_wrong_is_told_at_once_up_to_a_bound(self) -> None:
        assert set(wrong(planner_pb2.Keyword(), {"volume": "x", "text": 1})) == {"volume", "text"}
        assert len(wrong(planner_pb2.Keyword(), {f"f{n}": 1 for n in range(1000)})) == 20

    def test_null_is_absent_and_an_empty_object_is_there(self) -> None:
        assert parse(planner_pb2.Keyword(), {"volume": None, "text": None}) == planner_pb2.Keyword()
        assert parse(orchestrator_pb2.Run(), {"plan": {}}).HasField("plan")

    @pytest.mark.parametrize("text", ["2026-11-22T10:00:00+02:00", "2026-11-22t08:00:00z", "2026-11-22T08:00:00.000Z"])
    def test_times_of_any_zone_are_one_time(self, text: str) -> None:
        key = parse(identity_pb2.ApiKey(), {"expire_time": text})
        assert key.expire_time.ToJsonString() == "2026-11-22T08:00:00Z"
