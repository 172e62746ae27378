"""Makes the word table of `services/planner/clustering`: `python -m scripts.word_table BANKING77.tsv HWU64.tsv`.

The two files are `text<TAB>label` with a header (CC-BY-4.0, see NOTICE); their labels are not read.
requirements.txt says what the environment needs. Encoding takes ten minutes of one thread and is kept, so that
fitting again takes one.
"""

import argparse
from pathlib import Path

from scripts.word_table.encoding import Lesson, make_lesson, read_texts
from scripts.word_table.fitting import fit, quantise
from scripts.word_table.minilm import MiniLM
from services.planner.clustering.table import PATH, WordTable


def main() -> None:
    """Encode, fit, write."""
    parser = argparse.ArgumentParser(prog="python -m scripts.word_table", description=__doc__)
    parser.add_argument("texts", nargs="+", type=Path, help="licensed texts, tab-separated")
    parser.add_argument("--out", type=Path, default=PATH)
    parser.add_argument("--kept", type=Path, default=Path(".igny8/word_table_lesson.npz"), help="what was encoded")
    asked = parser.parse_args()
    model = MiniLM()
    if not asked.kept.exists():
        asked.kept.parent.mkdir(parents=True, exist_ok=True)
        make_lesson(model, [text for path in asked.texts for text in read_texts(path)]).save(asked.kept)
    rows, scales = quantise(fit(Lesson.load(asked.kept), len(model.vocabulary)))
    WordTable.save(asked.out, model.vocabulary, rows, scales)


if __name__ == "__main__":
    main()
