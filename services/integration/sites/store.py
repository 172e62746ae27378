"""Sites on disk: every change is a new version in a folder of its own, and a symbolic link says which one is shown.

    <root>/<site id>/versions/<n>/    the files of version n; what did not change is hard-linked from the one before
    <root>/<site id>/state/<n>.json   what version n was made from
    <root>/<site id>/sources/         the articles' own texts, by their hash
    <root>/<site id>/current          -> versions/<n>
    <root>/.slugs/<slug>              -> ../<site id>: which site an address belongs to

A version is complete before the link is switched, so a reader sees the old site or the new one, and a crash leaves at
worst a folder that nobody sees. One process at a time changes a site, by a lock on a file.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from chassis.html import count_words
from services.integration.sites import pages
from services.integration.sites.model import WORDS_PER_MINUTE, Article, Picture, SiteFacts, Source, State, check_id

SLUGS = ".slugs"
_LOCK_POLL_S = 0.02


class SiteBusy(TimeoutError):
    """Another process was changing the site for as long as one may wait."""

    def __init__(self, site_id: str, waited_s: float) -> None:
        super().__init__(f"Site {site_id} was being changed by another process for {waited_s:g} s; try again.")
        self.site_id = site_id


class UnknownVersion(LookupError):
    """The version to go back to does not exist, or not any more."""

    def __init__(self, site_id: str, version: int, kept: Sequence[int]) -> None:
        there = ", ".join(map(str, kept)) or "none"
        super().__init__(f"Site {site_id} has no version {version}; kept are: {there}.")
        self.version = version


@dataclass(frozen=True)
class Published:
    """Where something stands now: the path on the sites' server, and the version of the site that shows it."""

    url_path: str
    version: int


class SiteStore:
    """The sites under one root folder."""

    def __init__(self, root: Path, *, keep: int = 20, lock_timeout_s: float = 15.0) -> None:
        self._root = root
        self._keep = keep
        self._lock_timeout_s = lock_timeout_s

    def publish(self, site_id: str, facts: SiteFacts, article: Article) -> Published:
        """Show an article; the same content again takes the place of what it was, and the same text changes nothing.

        The slug is the article's while it is free, else a number is added. When an article's slug changes, its old
        address leads to the new one.

        Raises:
            BadArticle: when the site's id cannot be a folder's name, or the HTML is too long.
            SiteBusy: when the site was locked for longer than the store waits.
        """
        with self._locked(site_id) as site:
            version, old = site.current()
            start = replace(old, facts=_named(facts, site)) if old else State(_named(facts, site))
            source = Source.of(article)
            minutes = max(1, round(count_words(article.html) / WORDS_PER_MINUTE))
            new = start.with_article(article, source, minutes)
            version = site.write(version, old, new, source, article.all_pictures(), self._keep)
            card = new.card(article.content_id)
            return Published(f"{new.base}/{card.slug}/" if card else new.base, version)

    def retract(self, site_id: str, content_id: str) -> Published | None:
        """Take an article off the site; None when it is not there.

        Raises:
            SiteBusy: when the site was locked for longer than the store waits.
        """
        with self._locked(site_id) as site:
            version, old = site.current()
            if old is None or old.card(content_id) is None:
                return None
            new = old.without_article(content_id)
            return Published(f"{new.base}/", site.write(version, old, new, None, (), self._keep))

    def find(self, site_id: str, content_id: str) -> Published | None:
        """Where an article stands, or None; after a lost answer this tells whether it was published."""
        version, state = _Site(self._root, check_id("site_id", site_id)).current()
        card = state.card(content_id) if state else None
        return Published(f"{state.base}/{card.slug}/", version) if state and card else None

    def rollback(self, site_id: str, version: int) -> Published:
        """Show an earlier version again; later ones are kept and may be shown again too.

        Raises:
            UnknownVersion: when there is no such version.
            SiteBusy: when the site was locked for longer than the store waits.
        """
        with self._locked(site_id) as site:
            if version not in site.versions():
                raise UnknownVersion(site_id, version, site.versions())
            site.show(version)
            return Published(f"{site.state(version).base}/", version)

    def versions(self, site_id: str) -> list[int]:
        """The versions that are kept, oldest first."""
        return _Site(self._root, check_id("site_id", site_id)).versions()

    @contextmanager
    def _locked(self, site_id: str) -> Iterator["_Site"]:
        site = _Site(self._root, check_id("site_id", site_id))
        site.folder.mkdir(parents=True, exist_ok=True)
        with (site.folder / ".lock").open("w") as lock:
            deadline = time.monotonic() + self._lock_timeout_s
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise SiteBusy(site_id, self._lock_timeout_s) from None
                    time.sleep(_LOCK_POLL_S)
            yield site


def _named(facts: SiteFacts, site: "_Site") -> SiteFacts:
    return replace(facts, slug=site.claim(facts.slug))


class _Site:
    """One site's folder. Whoever writes holds its lock."""

    def __init__(self, root: Path, site_id: str) -> None:
        self.root = root
        self.site_id = site_id
        self.folder = root / site_id

    def current(self) -> tuple[int, State | None]:
        """The version that is shown and its state; 0 and None for a site without one."""
        try:
            version = int((self.folder / "current").readlink().name)
        except FileNotFoundError:
            return 0, None
        return version, self.state(version)

    def state(self, version: int) -> State:
        return State.parse((self.folder / "state" / f"{version}.json").read_text("utf-8"))

    def versions(self) -> list[int]:
        folder = self.folder / "versions"
        return sorted(int(p.name) for p in folder.iterdir() if p.name.isdecimal()) if folder.is_dir() else []

    def claim(self, slug: str) -> str:
        """The address of this site: the wanted one while no other site has it, else with a number added."""
        folder = self.root / SLUGS
        folder.mkdir(exist_ok=True)
        target = Path("..") / self.site_id
        number, wanted = 1, slug
        while True:
            link = folder / slug
            try:
                link.symlink_to(target)
            except FileExistsError:
                if link.readlink() != target:
                    number += 1
                    slug = f"{wanted}-{number}"
                    continue
            return slug

    def write(
        self,
        version: int,
        old: State | None,
        new: State,
        source: Source | None,
        pictures: Sequence[Picture],
        keep: int,
    ) -> int:
        """Make the next version and show it, unless it would equal the shown one. Returns the version shown."""
        if source is not None:
            self._keep_source(source)
        rendered = pages.site(new, self._source)
        new = replace(new, prints={page.path: page.print for page in rendered})
        if old is not None and new == old:
            return version
        number = max([*self.versions(), version]) + 1
        building = self.folder / "versions" / f".building-{number}"
        self._start(building, version)
        for picture in pictures:
            _write(building / "images" / picture.file, picture.data)
        for page in rendered:
            if old is None or old.prints.get(page.path) != page.print:
                _write(building / page.path, page.text().encode())
        _drop(building, (set(old.prints) if old else set()) - set(new.prints))
        _drop(building, _files(old) - _files(new))
        _write(self.folder / "state" / f"{number}.json", new.text().encode())
        building.rename(building.with_name(str(number)))
        self.show(number)
        self._prune(number, keep)
        return number

    def _keep_source(self, source: Source) -> None:
        _write(self.folder / "sources" / f"{source.key}.json", source.text().encode())

    def _source(self, key: str) -> Source:
        return Source.parse((self.folder / "sources" / f"{key}.json").read_text("utf-8"))

    def _start(self, building: Path, version: int) -> None:
        """A folder with the files of a version, hard-linked; without one, an empty folder."""
        if building.exists():
            shutil.rmtree(building)  # a crash left it half made
        if version:
            shutil.copytree(self.folder / "versions" / str(version), building, copy_function=os.link)
        else:
            building.mkdir(parents=True)

    def show(self, version: int) -> None:
        """Switch the link; it is replaced in one act."""
        fresh = self.folder / ".current-new"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(Path("versions") / str(version))
        fresh.replace(self.folder / "current")

    def _prune(self, shown: int, keep: int) -> None:
        for version in self.versions()[:-keep]:
            if version != shown:
                shutil.rmtree(self.folder / "versions" / str(version))
                (self.folder / "state" / f"{version}.json").unlink(missing_ok=True)


def _files(state: State | None) -> set[str]:
    return {f"images/{name}" for card in state.cards for name in card.files} if state else set()


def _write(path: Path, data: bytes) -> None:
    """Put a file in place whole, and never into a file that another version shares by a hard link."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(data)
    fresh.replace(path)


def _drop(folder: Path, paths: set[str]) -> None:
    for name in sorted(paths):
        path = folder / name
        path.unlink(missing_ok=True)
        if path.parent != folder and path.parent.is_dir() and not any(path.parent.iterdir()):
            path.parent.rmdir()
