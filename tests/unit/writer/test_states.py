"""The states of a content."""

import pytest
from google.protobuf.descriptor import EnumDescriptor
from igny8.common.v1 import content_pb2
from igny8.writer.v1 import writer_pb2

from chassis.errors import FailedPrecondition
from chassis.resource.columns import enum_texts
from services.writer.domain import states, terms


class TestAfter:
    @pytest.mark.parametrize("verb", states.VERBS, ids=lambda verb: verb.name)
    @pytest.mark.parametrize("status", terms.CONTENT_STATUSES)
    def test_a_verb_leads_where_it_says_or_is_refused(self, verb: states.Verb, status: str) -> None:
        if status in verb.sources:
            assert states.after(verb, status) == verb.target
        else:
            with pytest.raises(FailedPrecondition) as refused:
                states.after(verb, status)
            assert refused.value.metadata["status"] == status

    @pytest.mark.parametrize(
        ("verb", "status", "possible"),
        [
            (states.SUBMIT, "review", "approve,reject"),
            (states.APPROVE, "approved", "reject"),
            (states.REJECT, "draft", "submit,approve"),
            (states.REJECT, "published", ""),
        ],
    )
    def test_a_refusal_says_what_is_possible(self, verb: states.Verb, status: str, possible: str) -> None:
        with pytest.raises(FailedPrecondition, match=f"in the state {status}") as refused:
            states.after(verb, status)
        assert refused.value.metadata["possible"] == possible

    def test_every_state_but_the_last_can_reach_publication(self) -> None:
        for status in states.BEFORE_PUBLICATION:
            assert status in states.PUBLISHABLE or status in states.APPROVE.sources


class TestWords:
    @pytest.mark.parametrize(
        ("stored", "enum"),
        [
            (terms.CONTENT_TYPES, content_pb2.ContentType.DESCRIPTOR),
            (terms.CONTENT_STRUCTURES, content_pb2.ContentStructure.DESCRIPTOR),
            (terms.TASK_STATUSES, writer_pb2.Task.Status.DESCRIPTOR),
            (terms.CONTENT_STATUSES, writer_pb2.Content.Status.DESCRIPTOR),
            (terms.CONTENT_SOURCES, writer_pb2.Content.Source.DESCRIPTOR),
            (terms.TERM_KINDS, writer_pb2.TaxonomyTerm.Kind.DESCRIPTOR),
            (terms.IMAGE_KINDS, writer_pb2.Image.Kind.DESCRIPTOR),
            (terms.IMAGE_STATUSES, writer_pb2.Image.Status.DESCRIPTOR),
            (terms.CLUSTER_ROLES, writer_pb2.ContentClusterMapping.Role.DESCRIPTOR),
            (terms.MAPPING_SOURCES, writer_pb2.ContentClusterMapping.Source.DESCRIPTOR),
        ],
        ids=lambda value: getattr(value, "full_name", ""),
    )
    def test_what_is_stored_is_what_the_proto_names(self, stored: tuple[str, ...], enum: EnumDescriptor) -> None:
        assert stored == enum_texts(enum)

    @pytest.mark.parametrize(
        ("structure", "role"), [("cluster_hub", "hub"), ("attribute_archive", "attribute"), ("guide", "supporting")]
    )
    def test_a_structure_has_a_role_in_its_cluster(self, structure: str, role: str) -> None:
        assert terms.cluster_role(structure) == role


class TestTermSlug:
    @pytest.mark.parametrize(("name", "slug"), [("Pour Over", "pour-over"), ("Café & Crème", "cafe-and-creme")])
    def test_a_name_is_its_slug(self, name: str, slug: str) -> None:
        assert terms.term_slug(name) == slug

    def test_names_without_latin_letters_stay_apart(self) -> None:
        slugs = {terms.term_slug(name) for name in ("コーヒー", "お茶", "кофе")}
        assert len(slugs) == 3
        assert all(slug.startswith("term-") for slug in slugs)
