"""What the stages of a run will find."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.ids import new_id
from chassis.work import Item, Selection
from services.orchestrator.domain.estimates import (
    WORDS_LIMIT,
    WORDS_PER_ARTICLE,
    Past,
    Ratios,
    StageEstimate,
    Walk,
    usual_clusters,
    weakest,
)
from services.orchestrator.domain.plan import Plan
from services.orchestrator.domain.stages import functions_of

ALL = functions_of([], publish=True)
NOTHING = Selection([], 0)
PAST = {
    "cluster_keywords": Past(succeeded=2, made=23, quantity=800),
    "generate_ideas": Past(succeeded=10, made=25, quantity=25, asked=30),
    "generate_content": Past(succeeded=4, made=4, quantity=3600),
    "generate_image_prompts": Past(succeeded=4, made=6, quantity=6, asked=12),
}


def queue(*sizes: tuple[int, int], total: int = 0) -> Selection:
    """Return a selection of items with an expected and a limit quantity each."""
    items = [Item(new_id(), "row", "label", expected, limit) for expected, limit in sizes]
    return Selection(items, total or len(items))


def walk(
    found: dict[str, Selection], past: dict[str, Past] | None = None, functions: Sequence[str] = ALL, **more: Any
) -> dict[str, StageEstimate]:
    options = {"ideas_per_cluster": 3, "images_per_article": 3, "auto_approve": True, **more.pop("options", {})}
    guide = Walk(Plan(tuple(functions), options=options, **more), Ratios(past or {}))
    return {name: guide.estimate(name, found.get(name, NOTHING)) for name in functions}


class TestQueue:
    def test_what_waits_is_taken_as_its_owner_says(self) -> None:
        made = walk({"generate_content": queue((800, 1200), (1500, 2250))}, functions=["generate_content"])
        assert made["generate_content"] == StageEstimate("generate_content", 2, 2300, 3450, "queue", 2)

    def test_what_is_beyond_the_first_page_is_counted_too(self) -> None:
        made = walk({"generate_ideas": queue((3, 3), total=7000)}, functions=["generate_ideas"])
        assert (made["generate_ideas"].items, made["generate_ideas"].expected_quantity) == (7000, 21000)


class TestComing:
    def test_without_a_past_the_platform_says_what_becomes_of_keywords(self) -> None:
        made = walk({"cluster_keywords": queue((400, 400))})
        items = {name: estimate.items for name, estimate in made.items()}
        assert items == {
            "cluster_keywords": 1,
            "generate_ideas": 23,
            "create_tasks": 69,
            "generate_content": 69,
            "generate_image_prompts": 69,
            "generate_image": 207,
            "approve_content": 69,
            "publish_content": 69,
        }
        assert made["generate_content"].expected_quantity == 69 * WORDS_PER_ARTICLE
        assert made["generate_content"].limit_quantity == 69 * WORDS_LIMIT
        assert [estimate.basis for estimate in made.values()] == ["queue"] + ["platform"] * 7

    def test_the_sites_own_last_runs_say_it_better(self) -> None:
        made = walk({"cluster_keywords": queue((100, 100))}, PAST)
        assert made["generate_ideas"].items == 6  # half of the 11.5 that are usual, as two lists had 23 instead of 46
        assert made["create_tasks"].items == 15  # of 18 ideas that are asked for, 25 in 30 can be used
        assert made["generate_content"].expected_quantity == 15 * 900
        assert made["generate_image_prompts"].limit_quantity == 45
        assert made["generate_image"].items == 23  # every second one is described
        assert {estimate.basis for name, estimate in made.items() if name != "cluster_keywords"} == {"history"}

    def test_what_waits_and_what_comes_add_up_and_the_weakest_source_is_named(self) -> None:
        past = {"generate_ideas": PAST["generate_ideas"]}
        found = {"generate_ideas": queue((3, 3), (3, 3)), "generate_content": queue((500, 750))}
        made = walk(found, past, ["generate_ideas", "create_tasks", "generate_content"])
        assert (made["generate_ideas"].items, made["generate_ideas"].basis) == (2, "queue")
        assert (made["create_tasks"].items, made["create_tasks"].basis) == (5, "history")
        content = made["generate_content"]
        assert (content.items, content.basis) == (6, "platform")
        assert content.expected_quantity == 500 + 5 * WORDS_PER_ARTICLE

    def test_what_a_person_has_to_look_at_is_not_published(self) -> None:
        made = walk({"generate_content": queue((500, 750))}, options={"auto_approve": False})
        assert made["approve_content"].items == 1
        assert made["publish_content"].items == 0


class TestCaps:
    def test_a_cap_is_filled_from_the_queue_first(self) -> None:
        found = {"generate_ideas": queue((3, 3)), "generate_content": queue((500, 750), (600, 900), (700, 1050))}
        made = walk(found, max_articles=2, options={"images_per_article": 2})
        content = made["generate_content"]
        assert (content.items, content.expected_quantity, content.basis) == (2, 1100, "queue")
        assert made["generate_image"].items == 4

    def test_a_stage_that_is_capped_gives_less_to_the_next(self) -> None:
        made = walk({"cluster_keywords": queue((400, 400))}, stage_caps={"2": 4, "3": 5})
        assert (made["generate_ideas"].items, made["create_tasks"].items, made["generate_content"].items) == (4, 5, 5)


class TestNothing:
    def test_the_owner_says_why(self) -> None:
        few = Selection([], 0, "2 keywords are ready in Coffee; clustering needs 5.")
        made = walk({"cluster_keywords": few})
        assert made["cluster_keywords"].skip_reason == few.skip_reason
        assert made["create_tasks"].skip_reason == "there is nothing to do"
        assert {estimate.items for estimate in made.values()} == {0}

    def test_no_pictures_are_no_pictures(self) -> None:
        made = walk({"generate_content": queue((500, 750))}, options={"images_per_article": 0})
        assert made["generate_image_prompts"].items == made["generate_image"].items == 0
        assert "no pictures" in made["generate_image"].skip_reason

    def test_a_reason_is_left_out_where_something_is_on_its_way(self) -> None:
        found = {"cluster_keywords": queue((40, 40)), "generate_ideas": Selection([], 0, "There is no cluster yet.")}
        assert walk(found)["generate_ideas"].skip_reason == ""


_SIZES = st.lists(st.tuples(st.integers(0, 3000), st.integers(0, 1500)).map(lambda t: (t[0], sum(t))), max_size=5)


@given(
    st.dictionaries(st.sampled_from(ALL), _SIZES.map(lambda sizes: queue(*sizes))),
    st.sampled_from([{}, PAST]),
    st.dictionaries(st.sampled_from("1234567"), st.integers(1, 5)),
)
def test_no_stage_exceeds_its_cap_or_expects_more_than_its_limit(
    found: dict[str, Selection], past: dict[str, Past], caps: dict[str, int]
) -> None:
    made = walk(found, past, stage_caps=caps)
    plan = Plan(ALL, options={"images_per_article": 3}, stage_caps=caps)
    for name, estimate in made.items():
        assert 0 <= estimate.expected_quantity <= estimate.limit_quantity
        assert not plan.cap(name) or estimate.items <= plan.cap(name)
        assert bool(estimate.skip_reason) is (estimate.items == 0)


@pytest.mark.parametrize(
    ("keywords", "sectors", "clusters"),
    [(0, 0, 0), (1, 1, 1), (100, 1, 11.5), (400, 1, 23), (800, 2, 46), (10_000, 1, 115), (2, 2, 2)],
)
def test_short_lists_have_more_clusters_a_keyword(keywords: int, sectors: int, clusters: float) -> None:
    assert usual_clusters(keywords, sectors) == pytest.approx(clusters)


@pytest.mark.parametrize(
    ("bases", "known_by"),
    [(["queue"], "queue"), (["history", "queue"], "history"), (["history", "platform"], "platform")],
)
def test_the_weakest_source_counts(bases: list[Any], known_by: str) -> None:
    assert weakest(*bases) == known_by
