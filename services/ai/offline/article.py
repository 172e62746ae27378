"""A draft of an article from its outline and keywords.

The draft holds what can be said without knowing the subject: how the sections hang together, what to ask,
compare and check, and in every section what the author has to fill in. It states no facts, figures, sources
or links.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from services.ai.offline import english, library, markup, outline
from services.ai.offline.facts import Keyword, keywords, name_of, required
from services.ai.offline.library import Deck, SectionText
from services.ai.offline.subject import Kind, Subject, endings, read

_META_TITLE_CHARS, _META_DESCRIPTION_CHARS = 60, 155
_MAX_TAGS = 5
_GISTS = 3
_MAX_LENGTH = 1.05
_NEEDS_BLOCKS = frozenset({"table", "steps", "faq", "picks"})
_MAX_SEARCHES = 10
_DEFAULT_WORDS = 1000
NOTE = (
    "This is an offline draft, put together without a language model from the outline and the keywords "
    "of this page. It contains no researched facts. Before publishing, work through every remark marked "
    "\u201cTo fill in\u201d and delete this note."
)


@dataclass
class _Part:
    """One section in the making: what it must have, and what it may still take."""

    heading: str
    points: Sequence[str]
    text: SectionText
    words: Mapping[str, str]
    own: Deck
    passages: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)

    def add(self, fillers: Deck, room: float) -> int:
        """Take one more passage, of its own while there is one, if it has at most `room` words.

        Returns the words added: 0 when it was too long or nothing is left.
        """
        passage = self.own.deal() or fillers.deal()
        words = len(library.fill(passage, self.words).split()) if passage else 0
        if passage is None or words > room:
            return 0
        self.passages.append(passage)
        return words

    def prose(self) -> list[str]:
        """The passages taken: the section's own in the order they were written in, then the fillers."""
        written = {passage: index for index, passage in enumerate(self.text.passages)}
        ordered = sorted(self.passages, key=lambda p: written.get(p, len(written)))
        return [library.fill(p, self.words) for p in ordered]


class _Writer:
    """Everything one article draws on: its subject, its words, and decks that deal no sentence twice."""

    def __init__(self, variables: Mapping[str, Any]) -> None:
        self.title = str(required(variables, "title")).strip()
        self.primary = str(required(variables, "primary_keyword")).strip()
        self.structure = str(variables.get("content_structure") or "article")
        self.site = name_of(variables.get("site")) or "this site"
        self.keywords = keywords([*(variables.get("keywords") or ())])
        self.sections = [_section(row) for row in variables.get("outline") or ()]
        self.subject = read(self.primary, self._endings())
        self.others = [s for s in (read(k.text) for k in self.keywords) if s.phrase != self.subject.phrase]
        reader = str(variables.get("audience") or "").strip().rstrip(".")
        self.words = library.forms(self.subject, self.site, reader)
        if not self.sections:
            self.sections = outline.build(self.subject, self.others, self.structure, self.site)
        seed = f"{self.title}\0{self.primary}"
        fillers = library.load("fillers")
        self.seed = seed
        self._decks: dict[str, Deck] = {}
        self.fillers = Deck(fillers["passages"], seed)
        self.leads = Deck(fillers["list_leads"], seed)
        self.step_leads = Deck(fillers["step_leads"], seed)
        self.notes = Deck(fillers["notes"], seed)

    def deck(self, text: SectionText) -> Deck:
        """The passages of a library section; sections of one kind share them, so that none is said twice."""
        return self._decks.setdefault(text.name, Deck(text.passages, self.seed + text.name))

    def _endings(self) -> dict[str, int]:
        """What the phrases of this page share at their ends; the title and headings tell what the cluster
        shared.
        """
        named = " ".join([self.title, *(s.heading for s in self.sections)]).lower()
        tail = self.primary.lower().split()
        tried = [" ".join(tail[-size:]) for size in (1, 2, 3) if size < len(tail)]
        shown = [e for e in tried if read(self.primary, {e: 1}).topic.lower() in named]
        return dict.fromkeys(shown[-1:], 1) or endings(k.text for k in self.keywords)


def _section(row: Mapping[str, Any]) -> outline.Section:
    points = row.get("points") or ()
    return outline.Section(name_of(row.get("heading")) or "Section", tuple(str(p) for p in points))


def generate(variables: Mapping[str, Any]) -> dict[str, Any]:
    """Answer `generate_content`.

    Raises:
        MissingVariable: without a title or a primary keyword.
    """
    writer = _Writer(variables)
    target = max(int(variables.get("word_count") or _DEFAULT_WORDS), 1)
    parts = [_part(writer, section) for section in writer.sections]
    html = _assemble(writer, parts, target, str(variables.get("language") or "en"))
    description = _description(writer, parts)
    tags = [english.title_case(s.phrase) for s in writer.others if s.kind is not Kind.QUESTION]
    return {
        "title": writer.title,
        "meta_title": english.shorten(writer.title, _META_TITLE_CHARS),
        "meta_description": english.shorten(description, _META_DESCRIPTION_CHARS),
        "excerpt": description,
        "html": html,
        "categories": [name_of(variables.get("sector")) or name_of(variables.get("industry")) or "General"],
        "tags": list(dict.fromkeys([english.title_case(writer.subject.phrase), *tags]))[:_MAX_TAGS],
        "focus_keyword": writer.primary,
    }


def _description(writer: _Writer, parts: Sequence[_Part]) -> str:
    """One sentence on what the page brings, from the sections it has."""
    fillers = library.load("fillers")
    known = [fillers["gist"][p.text.name] for p in parts if p.text.name in fillers["gist"]]
    gists = [library.fill(g, writer.words) for g in dict.fromkeys(known)][:_GISTS] or [parts[0].heading]
    words = {**writer.words, "gists": english.join(gists)}
    if writer.subject.kind in {Kind.QUESTION, Kind.PROBLEM}:
        words |= {
            "topic": f"\u201c{writer.subject.phrase}\u201d",
            "Topic": english.sentence_case(writer.subject.phrase),
        }
    return library.fill(library.pick(fillers["descriptions"], writer.seed), words)


def _part(writer: _Writer, section: outline.Section) -> _Part:
    text, subject = _recognise(writer, section.heading)
    words = writer.words if subject is writer.subject else library.forms(subject, writer.site, writer.words["audience"])
    return _Part(section.heading, section.points, text, words, writer.deck(text))


def _recognise(writer: _Writer, heading: str) -> tuple[SectionText, Subject]:
    """The library section a heading stands for: by its exact words, by a keyword of the page, or by a telling
    word.
    """
    sections = library.sections()
    lower = heading.lower()
    for text in sections.values():
        if text.name != "subtopic" and any(library.fill(h, writer.words).lower() == lower for h in text.headings):
            return text, writer.subject
    for other in writer.others:
        if outline.heading_of(other).lower() == lower:
            return sections["subtopic"], other
    for text in sections.values():
        if any(mark in f" {lower} " for mark in text.match):
            return text, writer.subject
    return sections["subtopic"], read(heading)


def _assemble(writer: _Writer, parts: Sequence[_Part], target: int, language: str) -> str:
    """The whole body. What a section cannot do without comes first, then text for each in turn, up to the length.

    The length is what a customer pays for: it is passed by a twentieth at most, unless headings and remarks alone
    are longer.
    """
    opening, closing = _opening(writer, language), _searches(writer)
    room = target * _MAX_LENGTH - markup.words_in(opening + closing + "".join(_render(part) for part in parts))
    by_need = sorted(parts, key=lambda part: part.text.name not in _NEEDS_BLOCKS)
    for part in by_need:
        if part.text.name in _NEEDS_BLOCKS:
            room -= _give_blocks(writer, part, room)
    for part in parts:
        room -= part.add(writer.fillers, room)
    for part in by_need:
        if not part.extra:
            room -= _give_blocks(writer, part, room)
    _lengthen(parts, writer.fillers, room)
    return opening + "".join(_render(part) for part in parts) + closing


def _give_blocks(writer: _Writer, part: _Part, room: float) -> int:
    """Give a section its list, table or answers if they fit. Returns the words added."""
    blocks = _blocks(writer, part)
    cost = markup.words_in("".join(blocks))
    if cost > room:
        return 0
    part.extra = blocks
    return cost


def _lengthen(parts: Sequence[_Part], fillers: Deck, room: float) -> None:
    """Give the sections passages in turn until the length is reached or nothing unsaid is left."""
    added = 1
    while added:
        added = 0
        for part in parts:
            words = part.add(fillers, room)
            room -= words
            added += words


def _opening(writer: _Writer, language: str) -> str:
    fillers = library.load("fillers")
    asks = writer.subject.kind in {Kind.QUESTION, Kind.PROBLEM}
    first = library.pick(fillers["question_openings" if asks else "openings"], writer.seed)
    lead = library.pick(fillers["leads"], writer.seed)
    note = NOTE
    if not language.lower().startswith("en"):
        note += f" The page is wanted in \u201c{language}\u201d; offline drafts are written in English only."
    text = f"{library.fill(first, writer.words)} {library.fill(lead, writer.words)}"
    return markup.note("Editor's note", note) + markup.paragraph(text)


def _blocks(writer: _Writer, part: _Part) -> list[str]:
    """What a section has beside running text: a list of its points, a table, steps, or answers."""
    name = part.text.name
    if name == "faq":
        return _answers(part)
    if name == "table":
        return [_comparison_table(part)]
    if name == "specs":
        head = ("Point", "What the data sheet says", "What it means for you")
        return [markup.table(head, [(p, "to be filled in", "to be filled in") for p in part.points])]
    if name == "picks":
        return [block for point in part.points for block in _pick(writer, point)]
    if not part.points:
        return []
    deck = writer.step_leads if part.text.ordered else writer.leads
    lead = deck.deal()
    listed = markup.bullets(part.points, ordered=part.text.ordered)
    return [markup.paragraph(f"{lead}:"), listed] if lead else [listed]


def _pick(writer: _Writer, point: str) -> list[str]:
    note = writer.notes.deal()
    return [markup.heading(3, english.title_case(point))] + ([markup.paragraph(note)] if note else [])


def _answers(part: _Part) -> list[str]:
    answers = Deck(part.text.answers, part.heading)
    asked = [p for p in part.points if p.endswith("?")] or [part.words["question"]]
    out = []
    for question in asked:
        answer = answers.deal()
        out += [markup.heading(3, question)] + ([markup.paragraph(answer)] if answer else [])
    return out


def _comparison_table(part: _Part) -> str:
    rows = [*library.load("fillers")["comparison_rows"], *(p for p in part.points if p not in part.text.points)]
    head = ("Question", part.words["A"], part.words["B"])
    return markup.table(head, [(row, "to be filled in", "to be filled in") for row in rows])


def _render(part: _Part) -> str:
    prose = [markup.paragraph(p) for p in part.prose()]
    first, rest = prose[:1], prose[1:]
    todo = library.fill(part.text.verify[0], part.words)
    last = part.text.name in {"steps", "faq"}
    body = [*first, *rest, *part.extra] if last else [*first, *part.extra, *rest]
    return markup.heading(2, part.heading) + "".join(body) + markup.note("To fill in", todo)


def _searches(writer: _Writer) -> str:
    """The phrases this page answers, with what the keyword list says of them."""
    listed = writer.keywords[:_MAX_SEARCHES] or [Keyword(writer.primary)]
    head = markup.heading(2, "The Searches This Page Answers")
    if not any(k.has_data for k in listed):
        return head + markup.bullets(k.text for k in listed)
    rows = [
        (
            k.text,
            f"{k.volume:,}" if k.volume is not None else "not known",
            f"{k.difficulty:g}" if k.difficulty is not None else "not known",
            k.intent.lower() or "not known",
        )
        for k in listed
    ]
    about = markup.paragraph("The figures are those of the imported keyword list; this draft adds none of its own.")
    return head + about + markup.table(("Search phrase", "Searches a month", "Difficulty", "Intent"), rows)
