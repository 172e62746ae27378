"""What a proto says of its fields is checked before any service looks."""

import pytest
from google.protobuf.message import Message
from igny8.identity.v1 import identity_pb2
from igny8.identity.v1 import identity_service_pb2 as rpc

from chassis.checks import check_request
from chassis.errors import InvalidArgument

ID = "0197a1b2-0000-7000-8000-000000000000"
SITE = identity_pb2.Site(name="x", domain="x.example", industry_id=ID)


def wrong(request: Message, *, creates: bool = False) -> list[str]:
    with pytest.raises(InvalidArgument) as refused:
        check_request(request, creates=creates)
    return [violation.field for violation in refused.value.violations]


class TestCheckRequest:
    @pytest.mark.parametrize(
        "request_",
        [
            rpc.GetSiteRequest(site_id=ID),
            rpc.GetSiteRequest(site_id=ID.upper()),
            rpc.ListSitesRequest(),
            rpc.CreateSiteRequest(site=SITE, industry_sector_ids=[ID], request_id="any text of the caller's"),
            rpc.SignUpRequest(email="a", password="b", account_name="c"),
        ],
    )
    def test_what_is_right_passes(self, request_: Message) -> None:
        check_request(request_, creates=True)

    @pytest.mark.parametrize(
        ("request_", "fields"),
        [
            (rpc.GetSiteRequest(), ["site_id"]),
            (rpc.GetSiteRequest(site_id="1"), ["site_id"]),
            (rpc.SignUpRequest(), ["email", "password", "account_name"]),
            (rpc.ListSitesRequest(filter="a\0b"), ["filter"]),
            (rpc.CreateSiteRequest(site=SITE, industry_sector_ids=[ID, "x"]), ["industry_sector_ids"]),
            (
                rpc.CreateSiteRequest(site=identity_pb2.Site.FromString(b"(c"), industry_sector_ids=[ID]),
                ["site.name", "site.domain", "site.industry_id", "site.platform"],
            ),
        ],
    )
    def test_every_wrong_field_is_named(self, request_: Message, fields: list[str]) -> None:
        assert sorted(wrong(request_, creates=True)) == sorted(fields)

    def test_a_partial_update_need_not_repeat_what_is_required(self) -> None:
        check_request(rpc.UpdateSiteRequest(site=identity_pb2.Site(id=ID)), creates=False)

    def test_an_update_of_nothing_is_refused(self) -> None:
        assert wrong(rpc.UpdateSiteRequest()) == ["site"]
