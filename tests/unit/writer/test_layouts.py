"""What a draft of each structure is expected to have."""

import pytest

from services.writer.layouts import LAYOUTS, Block, UnknownStructure, check

SAMPLES = {
    Block.TABLE: "<table><tbody><tr><td>a</td></tr></tbody></table>",
    Block.LIST: "<ul><li>a</li></ul>",
    Block.STEPS: "<ol><li>a</li></ol>",
    Block.SUBSECTIONS: "<h3>a</h3>",
}


def draft(sections: int, words: int, blocks: tuple[Block, ...]) -> str:
    parts = "".join(f"<h2>Part {n}</h2>" for n in range(sections))
    return parts + f"<p>{'word ' * words}</p>" + "".join(SAMPLES[b] for b in blocks)


class TestCheck:
    @pytest.mark.parametrize("structure", LAYOUTS)
    def test_a_draft_with_everything_has_no_findings(self, structure: str) -> None:
        layout = LAYOUTS[structure]
        assert check(structure, draft(layout.min_sections, layout.min_words, layout.blocks)) == []

    @pytest.mark.parametrize("structure", LAYOUTS)
    def test_an_empty_draft_lacks_everything(self, structure: str) -> None:
        reasons = {f.reason for f in check(structure, "")}
        assert reasons == {"too_few_sections", "too_short"} | {f"missing_{b}" for b in LAYOUTS[structure].blocks}

    def test_too_many_sections_are_noticed(self) -> None:
        assert [f.reason for f in check("article", draft(20, 500, ()))] == ["too_many_sections"]

    def test_an_unknown_structure_is_named_with_those_there_are(self) -> None:
        with pytest.raises(UnknownStructure, match="cluster_hub"):
            check("haiku", "")
