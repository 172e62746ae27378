"""Rules of fields and options: what is wrong with a value, in words."""

import subprocess
import sys
from typing import Any

import pytest
from igny8.common.v1 import content_pb2
from igny8.planner.v1 import planner_pb2

from chassis.errors import Fault, InvalidArgument
from chassis.ids import new_id
from chassis.resource.columns import enum_texts
from services.planner import errors, models
from services.planner.domain import (
    CONTENT_STRUCTURES,
    CONTENT_TYPES,
    Intent,
    country_problem,
    free_name,
    keyword_problem,
)
from services.planner.imports import EmptyFile, FileTooLarge, NotText, UnknownLayout
from services.planner.usecases import options


class TestKeywordProblem:
    @pytest.mark.parametrize("text", ["moka pot", "咖啡", "☕", "3", "c++", "x" * 255])
    def test_a_keyword_has_none(self, text: str) -> None:
        assert keyword_problem(text) is None

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("", "no letter"),
            ("???", "no letter"),
            ("x" * 256, "at most 255"),
            ("a\x00b", "control"),
            ("a\x1bb", "control"),
        ],
    )
    def test_anything_else_is_told(self, text: str, why: str) -> None:
        assert why in (keyword_problem(text) or "")


class TestCountryProblem:
    @pytest.mark.parametrize(("code", "fine"), [("", True), ("US", True), ("us", False), ("USA", False), ("ÜS", False)])
    def test_two_capital_letters_or_nothing(self, code: str, fine: bool) -> None:
        assert (country_problem(code) is None) == fine


class TestFreeName:
    @pytest.mark.parametrize(
        ("taken", "name"),
        [
            (set(), "Pour Over"),
            ({"pour over"}, "pour over kettle"),
            ({"pour over", "pour over kettle"}, "Pour Over 2"),
            ({"pour over", "pour over kettle", "pour over 2"}, "Pour Over 3"),
        ],
    )
    def test_the_first_free_one_is_taken(self, taken: set[str], name: str) -> None:
        assert free_name(("Pour Over", "pour over kettle"), taken) == name


class TestOptions:
    @pytest.mark.parametrize("value", [None, "", "  ", 5, ["a"], "a\0b"])
    def test_a_text_that_is_none_is_named(self, value: Any) -> None:
        with pytest.raises(InvalidArgument, match=r"options\.filename"):
            options.text({"filename": value}, "filename")

    @pytest.mark.parametrize("value", ["a", [5], ["x"], {"a": 1}, None])
    def test_ids_that_are_none_are_named(self, value: Any) -> None:
        with pytest.raises(InvalidArgument, match=r"options\.keyword_ids"):
            options.ids({"keyword_ids": value}, "keyword_ids")

    def test_absent_ones_are_the_defaults(self) -> None:
        assert options.ids({}, "keyword_ids") == []
        assert options.integer({}, "count", 3, least=3, most=7) == 3

    def test_ids_are_read(self) -> None:
        one = new_id()
        assert options.ids({"keyword_ids": [str(one)]}, "keyword_ids") == [one]


class TestEnums:
    @pytest.mark.parametrize(
        ("enum", "stored"),
        [
            (planner_pb2.Intent.DESCRIPTOR, tuple(Intent)),
            (content_pb2.ContentType.DESCRIPTOR, CONTENT_TYPES),
            (content_pb2.ContentStructure.DESCRIPTOR, CONTENT_STRUCTURES),
        ],
    )
    def test_what_is_stored_is_what_the_proto_names(self, enum: Any, stored: tuple[str, ...]) -> None:
        assert enum_texts(enum) == stored

    def test_every_reason_stands_in_the_proto(self) -> None:
        known = {
            name.removeprefix("PLANNER_ERROR_REASON_")
            for name in planner_pb2.PlannerErrorReason.keys()  # noqa: SIM118 - a protobuf enum is no mapping
        }
        refused = {kind.reason.upper() for kind in (EmptyFile, FileTooLarge, NotText, UnknownLayout)}
        own = {
            kind.reason
            for kind in (errors.UnknownSector, errors.TooFewKeywords, errors.PlanLimit, errors.PreviewOutdated)
        }
        assert refused | own == known - {"UNSPECIFIED"}

    def test_each_is_a_fault(self) -> None:
        assert issubclass(errors.FileRefused, Fault)


class TestModels:
    def test_every_unique_of_a_tenants_table_starts_with_the_account(self) -> None:
        for name, table in models.Base.metadata.tables.items():
            if name in models.CATALOGUE:
                continue
            unique = [index.columns for index in table.indexes if index.unique]
            assert [columns.keys()[0] for columns in (*unique, table.primary_key.columns)] == ["account_id"] * (
                len(unique) + 1
            )


def test_a_planner_that_clusters_nothing_loads_neither_numpy_nor_the_word_table() -> None:
    heavy = {"numpy", "scipy", "usearch", "graspologic_native"}
    program = f"import sys, services.planner.__main__; sys.exit(bool({heavy!r} & sys.modules.keys()))"
    environment = {"PYTHONPATH": ":".join(sys.path)}
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False, timeout=60).returncode == 0
