"""The pages of a site: which there are, what each depends on, and how each looks.

Pages are pure: a state and the sources of its articles determine every byte. Each page carries a print of what it
depends on, so that publishing one article writes again only what it changes.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from html import escape

from chassis.html import slugify
from services.integration.sites import markup
from services.integration.sites.markup import Markup, fill, join
from services.integration.sites.model import Card, Shown, Source, State, canonical

PER_PAGE = 13  # a lead and four rows of three
_NAV_CATEGORIES = 6
_RELATED = 3
_FEED_ENTRIES = 20
_MIN_CONTENTS = 3
_NO_MARKUP = Markup("")


@dataclass(frozen=True)
class Page:
    """A file of the site: its path, a print of all it depends on, and how to make its text."""

    path: str
    print: str
    text: Callable[[], str]


@cache
def _design() -> str:
    """A print of the templates: a new design renders every page again."""
    pages = ("page.html", "hero.html", "card.html", "article.html", "redirect.html", "style.css", "icon.svg")
    return _hash("".join(markup.template_text(name) for name in (*pages, "feed.xml", "entry.xml", "sitemap.xml")))


def _category_slug(name: str) -> str:
    return slugify(name, kind="c")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def site(state: State, source: Callable[[str], Source]) -> list[Page]:
    """Every page of a state. `source` gives the source of an article by its hash, and is asked only when rendering."""
    return _Site(state, source).pages()


class _Site:
    """One state while its pages are made: what all of them share is worked out once."""

    def __init__(self, state: State, source: Callable[[str], Source]) -> None:
        self.state = state
        self.facts = state.facts
        self.source = source
        self.base = state.base
        self.home = f"{state.facts.origin}{state.base}/"
        self.categories = self._by_category()
        largest = sorted(self.categories.items(), key=lambda item: (-len(item[1]), item[0]))
        self.nav = [(slug, _name(cards, slug)) for slug, cards in largest[:_NAV_CATEGORIES]]
        hue = int(hashlib.sha256(self.facts.name.encode()).hexdigest()[:6], 16) % 360
        self.hue = str(hue)
        self.chrome = _hash(canonical([asdict(self.facts), self.nav, _design()]))

    def _by_category(self) -> dict[str, list[Card]]:
        found: dict[str, list[Card]] = {}
        for card in self.state.cards:
            for slug in dict.fromkeys(_category_slug(name) for name in card.categories):
                found.setdefault(slug, []).append(card)
        return found

    def pages(self) -> list[Page]:
        return [
            *self._listing("", "", self.state.cards),
            *(p for slug, cards in self.categories.items() for p in self._listing(f"category/{slug}/", slug, cards)),
            *(self._article_page(card) for card in self.state.cards),
            *self._redirects(),
            *self._machine_files(),
        ]

    def _page(self, path: str, depends_on: object, text: Callable[[], str]) -> Page:
        return Page(path, _hash(self.chrome + canonical(depends_on)), text)

    # ── overview pages ────────────────────────────────────────────────────────────────────────────────────────

    def _listing(self, prefix: str, category: str, cards: Sequence[Card]) -> Iterator[Page]:
        chunks = [cards[i : i + PER_PAGE] for i in range(0, len(cards), PER_PAGE)] or [()]
        for number, chunk in enumerate(chunks, start=1):
            path = f"{prefix}page/{number}/" if number > 1 else prefix
            depends_on = [asdict(c) for c in chunk], number, len(chunks)

            def text(chunk: Sequence[Card] = chunk, number: int = number, path: str = path) -> str:
                return self._overview(path, prefix, category, chunk, (number, len(chunks)))

            yield self._page(f"{path}index.html", depends_on, text)

    def _overview(self, path: str, prefix: str, category: str, cards: Sequence[Card], place: tuple[int, int]) -> Markup:
        number, total = place
        title = _name(self.categories[category], category) if category else self.facts.name
        eyebrow = "Category" if category else ""
        text = f"Everything about {title}." if category else self.facts.tagline or "Guides, comparisons and answers."
        if number > 1:
            eyebrow = f"Page {number} of {total}"
        lead = number == 1 and not category and len(cards) > _RELATED
        grid = join(self._card(card, lead=lead and index == 0) for index, card in enumerate(cards))
        body = Markup(f'<div class="wide cards">{grid}</div>') if cards else _empty()
        main = join(
            [fill("hero.html", eyebrow=eyebrow, title=title, text=text), body, self._pager(prefix, number, total)]
        )
        suffix = f" ({number})" if number > 1 else ""
        head = f"{title}{suffix}" if not category else f"{title}{suffix} | {self.facts.name}"
        return self._frame(path, head, text, main, current=category)

    def _pager(self, prefix: str, number: int, total: int) -> Markup:
        if total == 1:
            return _NO_MARKUP
        newer = f"{self.base}/{prefix}" + (f"page/{number - 1}/" if number > 2 else "")  # noqa: PLR2004 - page 1 has no number
        older = f"{self.base}/{prefix}page/{number + 1}/"
        left = Markup(f'<a rel="prev" href="{newer}">&larr; Newer</a>') if number > 1 else Markup("<span></span>")
        right = Markup(f'<a rel="next" href="{older}">Older &rarr;</a>') if number < total else _NO_MARKUP
        return Markup(f'<div class="wide pages">{left}{right}</div>')

    def _card(self, card: Card, *, lead: bool = False) -> Markup:
        return fill(
            "card.html",
            variant=" lead" if lead else "",
            href=f"{self.base}/{card.slug}/",
            picture=self._picture(card.featured, lazy=not lead, alt="") if card.featured else _blank(card.title),
            category=card.categories[0] if card.categories else "",
            title=card.title,
            excerpt=card.excerpt,
            datetime=card.published_at,
            date=_day(card.published_at),
            minutes=str(card.minutes),
        )

    def _picture(self, shown: Shown, *, lazy: bool, alt: str | None = None) -> Markup:
        size = f' width="{shown.width}" height="{shown.height}"' if shown.width and shown.height else ""
        text = escape(shown.alt if alt is None else alt)
        loading = ' loading="lazy"' if lazy else ""
        return Markup(f'<img src="{self.base}/images/{shown.file}" alt="{text}"{size}{loading}>')

    # ── articles ──────────────────────────────────────────────────────────────────────────────────────────────

    def _article_page(self, card: Card) -> Page:
        related = self._related(card)
        depends_on = [asdict(card), [asdict(c) for c in related]]
        return self._page(f"{card.slug}/index.html", depends_on, lambda: self._article(card, related))

    def _related(self, card: Card) -> list[Card]:
        """The articles that follow in the card's first category, going round: a new one changes few neighbours."""
        ring = self.categories[_category_slug(card.categories[0])] if card.categories else list(self.state.cards)
        at = ring.index(card)
        return (ring[at + 1 :] + ring[:at])[:_RELATED]

    def _article(self, card: Card, related: Sequence[Card]) -> Markup:
        source = self.source(card.source)
        pictures = {key: f"{self.base}/images/{name}" for key, name in source.pictures.items()}
        body, headings = markup.with_anchors(markup.body(source.html, pictures))
        changed = _day(card.updated_at) != _day(card.published_at)
        main = fill(
            "article.html",
            categories=join(self._category_link(name) for name in card.categories[:1]),
            title=card.title,
            excerpt=card.excerpt,
            datetime=card.published_at,
            date=_day(card.published_at),
            minutes=str(card.minutes),
            updated=Markup(f"<span>Updated {_day(card.updated_at)}</span>") if changed else _NO_MARKUP,
            featured=Markup(f'<figure class="cover">{self._picture(card.featured, lazy=False)}</figure>')
            if card.featured
            else _NO_MARKUP,
            contents=_contents(headings),
            body=body,
            tags=_tags(source.tags),
            related=self._related_section(related),
        )
        title = source.meta_title or card.title
        extra = Markup('<meta property="og:type" content="article">\n')
        if card.featured:
            picture = f"{self.home}images/{card.featured.file}"
            extra = Markup(f'{extra}<meta property="og:image" content="{escape(picture)}">\n')
        return self._frame(f"{card.slug}/", title, source.meta_description or card.excerpt, main, extra=extra)

    def _category_link(self, name: str) -> Markup:
        return Markup(f'<a href="{self.base}/category/{_category_slug(name)}/">{escape(name)}</a>')

    def _related_section(self, related: Sequence[Card]) -> Markup:
        if not related:
            return _NO_MARKUP
        cards = join(self._card(card) for card in related)
        return Markup(
            f'<aside class="related"><div class="wide"><h2>Read next</h2><div class="cards">{cards}</div></div></aside>'
        )

    def _redirects(self) -> Iterator[Page]:
        slugs = {card.slug: card for card in self.state.cards}
        for old, content_id in self.state.redirects.items():
            card = self.state.card(content_id)
            if card is None or old in slugs:
                continue

            def text(card: Card = card) -> str:
                href, canonical_url = f"{self.base}/{card.slug}/", f"{self.home}{card.slug}/"
                words = {"href": href, "canonical": canonical_url, "title": card.title}
                return fill("redirect.html", language=self.facts.language, **words)

            yield self._page(f"{old}/index.html", [card.slug, card.title], text)

    # ── the frame, and files for machines ─────────────────────────────────────────────────────────────────────

    def _frame(
        self, path: str, title: str, description: str, main: Markup, *, current: str = "", extra: Markup = _NO_MARKUP
    ) -> Markup:
        marked = {current: ' aria-current="page"'}
        links = (
            f'<a href="{self.base}/category/{slug}/"{marked.get(slug, "")}>{escape(name)}</a>'
            for slug, name in self.nav
        )
        return fill(
            "page.html",
            language=self.facts.language,
            head_title=title,
            description=description,
            canonical=f"{self.home}{path}",
            site_name=self.facts.name,
            head_extra=extra,
            base=self.base,
            style_file=self.style_file,
            initial=self.facts.name.strip()[:1].upper(),
            nav=Markup("".join(links)),
            main=main,
            tagline=f" \u2014 {self.facts.tagline}" if self.facts.tagline else "",
        )

    @property
    def style_file(self) -> str:
        """The style sheet's name changes with its content, so that it may be cached for ever."""
        return f"style-{_hash(_design() + self.hue)[:8]}.css"

    def _machine_files(self) -> list[Page]:
        cards = self.state.cards
        dates = [[c.slug, c.updated_at, c.title, c.excerpt] for c in cards]
        initial = self.facts.name.strip()[:1].upper()
        return [
            self._page("404.html", "", self._not_found),
            self._page("feed.xml", dates[:_FEED_ENTRIES], self._feed),
            self._page("sitemap.xml", [dates, sorted(self.categories)], self._sitemap),
            self._page("robots.txt", "", lambda: f"User-agent: *\nAllow: /\nSitemap: {self.home}sitemap.xml\n"),
            self._page(f"assets/{self.style_file}", "", lambda: fill("style.css", hue=self.hue)),
            self._page("assets/icon.svg", "", lambda: fill("icon.svg", hue=self.hue, initial=initial)),
        ]

    def _not_found(self) -> Markup:
        text = "The page may have moved, or the address may have a slip in it. All articles are on the home page."
        hero = fill("hero.html", eyebrow="404", title="This page is not here", text=text)
        home = Markup(f'<div class="wide empty"><a href="{self.base}/">See all articles</a></div>')
        robots = Markup('<meta name="robots" content="noindex">\n')
        return self._frame("404.html", "Not found", text, join([hero, home]), extra=robots)

    def _feed(self) -> Markup:
        entries = join(
            fill(
                "entry.xml",
                href=f"{self.home}{card.slug}/",
                title=card.title,
                published=card.published_at,
                updated=card.updated_at,
                excerpt=card.excerpt,
            )
            for card in self.state.cards[:_FEED_ENTRIES]
        )
        updated = max(
            (c.updated_at for c in self.state.cards), key=datetime.fromisoformat, default="1970-01-01T00:00:00Z"
        )
        facts = {"language": self.facts.language, "site_name": self.facts.name, "tagline": self.facts.tagline}
        return fill("feed.xml", home=self.home, updated=updated, entries=entries, **facts)

    def _sitemap(self) -> Markup:
        rows = [f"<url><loc>{escape(self.home)}</loc></url>\n"]
        rows += [f"<url><loc>{escape(f'{self.home}category/{s}/')}</loc></url>\n" for s in self.categories]
        rows += [
            f"<url><loc>{escape(f'{self.home}{c.slug}/')}</loc><lastmod>{c.updated_at}</lastmod></url>\n"
            for c in self.state.cards
        ]
        return fill("sitemap.xml", urls=Markup("".join(rows)))


def _name(cards: Sequence[Card], slug: str) -> str:
    """How a category is written: as in its newest article."""
    return next(name for card in cards for name in card.categories if _category_slug(name) == slug)


def _day(time: str) -> str:
    moment = datetime.fromisoformat(time)
    return f"{moment.day} {moment:%B %Y}"


def _blank(title: str) -> Markup:
    return Markup(f'<span class="blank">{escape(title.strip()[:1].upper())}</span>')


def _empty() -> Markup:
    return Markup('<p class="wide empty">Nothing has been published yet.</p>')


def _contents(headings: Sequence[tuple[str, str]]) -> Markup:
    if len(headings) < _MIN_CONTENTS:
        return Markup("<div></div>")
    # The texts come out of cleaned HTML: they are escaped already.
    rows = "".join(f'<li><a href="#{anchor}">{text}</a></li>' for anchor, text in headings)
    return Markup(f'<details class="contents" open><summary>On this page</summary><ol>{rows}</ol></details>')


def _tags(tags: Sequence[str]) -> Markup:
    if not tags:
        return _NO_MARKUP
    return Markup(f'<ul class="tags">{"".join(f"<li>{escape(tag)}</li>" for tag in tags)}</ul>')
