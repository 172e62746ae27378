"""UUIDv7: in order, well-formed, and read strictly."""

import time
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from uuid import RFC_4122, UUID

import pytest

from chassis.errors import InvalidArgument
from chassis.ids import new_id, new_ids, parse_id, require_id


class TestNewId:
    def test_ids_rise_and_never_repeat(self) -> None:
        made = [new_id() for _ in range(20_000)]
        assert made == sorted(made)
        assert len(set(made)) == len(made)

    def test_threads_never_get_the_same(self) -> None:
        with ThreadPoolExecutor(8) as pool:
            made = [row_id for ids in pool.map(lambda _: [new_id() for _ in range(500)], range(8)) for row_id in ids]
        assert len(set(made)) == len(made)

    def test_version_variant_and_time_are_where_rfc_9562_has_them(self) -> None:
        made = new_id()
        assert (made.version, made.variant) == (7, RFC_4122)
        assert abs((made.int >> 80) - time.time() * 1000) < 5000


class TestNewIds:
    def test_they_rise_between_those_made_one_by_one(self) -> None:
        before = new_id()
        made = [UUID(hex=text) for text in islice(new_ids(), 2_500)]
        later = new_id()
        assert [before, *made, later] == sorted([before, *made, later])
        assert len({before, *made, later}) == len(made) + 2
        assert {(row_id.version, row_id.variant) for row_id in made} == {(7, RFC_4122)}

    def test_threads_never_get_the_same(self) -> None:
        with ThreadPoolExecutor(8) as pool:
            made = [text for texts in pool.map(lambda _: list(islice(new_ids(), 1_500)), range(8)) for text in texts]
        assert len(set(made)) == len(made)

    def test_a_block_stays_on_one_side_of_the_variant(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("chassis.ids._last", (time.time_ns() // 1_000_000 + 60_000 << 74) | (1 << 62) - 5)
        made = [UUID(hex=text) for text in islice(new_ids(), 10)]
        assert made == sorted(made)
        assert {(row_id.version, row_id.variant) for row_id in made} == {(7, RFC_4122)}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "0197a1b2000070008000000000000000",
        "{0197a1b2-0000-7000-8000-000000000000}",
        "urn:uuid:0197a1b2-0000-7000-8000-000000000000",
    ],
)
def test_only_the_canonical_form_is_an_id(text: str) -> None:
    assert parse_id(text) is None
    with pytest.raises(InvalidArgument, match="is not an id, for example") as refused:
        require_id("cluster_id", text)
    assert [violation.field for violation in refused.value.violations] == ["cluster_id"]


def test_an_id_is_read_from_its_field() -> None:
    made = new_id()
    assert require_id("cluster_id", str(made)) == made


def test_case_does_not_matter() -> None:
    assert str(parse_id("0197A1B2-0000-7000-8000-00000000000F")) == "0197a1b2-0000-7000-8000-00000000000f"
