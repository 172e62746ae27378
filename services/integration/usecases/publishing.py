"""The function `publish_content`: every approved content to every destination of its site, once."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from chassis.clock import Clock
from chassis.database import Database
from chassis.errors import Fault
from chassis.html import HtmlTooLong
from chassis.objects import ObjectMissing, ObjectStore
from chassis.tenancy import Tenant
from chassis.work import Answer, Applied, Item, Made, Selection, WithoutModel, Work, admit, apply_once
from services.integration import domain, repository
from services.integration.adapters.base import (
    ContentRefused,
    DestinationError,
    PictureMissing,
    PublishableContent,
    PublishImage,
    TransientDestinationError,
)
from services.integration.clients import Candidate, Writer
from services.integration.config import LEASE_S
from services.integration.destinations import Destinations
from services.integration.domain import Connection, Content, Picture
from services.integration.errors import (
    DestinationUnavailable,
    NoDestination,
    PublicationBusy,
    PublishingRefused,
    SectorGone,
)
from services.integration.usecases import publications
from services.integration.usecases.publications import Claim, Settled

FUNCTION = "publish_content"
NOTHING_CONNECTED = "no destination is connected; connect one under Integrations"
SWITCHED_OFF = "publishing by itself is switched off for this run; publish the approved contents by hand"
_RETRY_S = 2.0
_REASONS = {
    "credentials_refused": "CREDENTIALS_REFUSED",
    "credentials_missing": "CREDENTIALS_MISSING",
    "address_not_allowed": "ADDRESS_REFUSED",
    "platform_unsupported": "PLATFORM_UNSUPPORTED",
}


@dataclass(frozen=True)
class Outcome:
    """What became of a content at one destination: a publication, with what was dropped, or a failure."""

    target: Connection
    publication_id: UUID | None = None
    notes: tuple[str, ...] = ()
    failure: DestinationError | Fault | None = None
    again: bool = False


@dataclass(frozen=True)
class PublishContent(WithoutModel):
    """Publishes contents.

    Args:
        database: integration's, under its app role.
        writer: whose contents they are.
        destinations: opens what the site is connected to.
        objects: where the pictures lie.
        clock: measures how long a destination took.
        lease_s: seconds that a publication is held at a time.
    """

    database: Database
    writer: Writer
    destinations: Destinations
    objects: ObjectStore
    clock: Clock
    lease_s: float = LEASE_S

    def select(self, tenant: Tenant, subject_ids: Sequence[UUID], limit: int, options: Mapping[str, Any]) -> Selection:
        """Return contents that are not at every destination yet; see `Function.select`.

        Contents that are named are returned whether they were published or not, so that a change can be sent.
        """
        with self.database.transaction(tenant) as transaction:
            targets = [target.id for target in repository.active_connections(transaction)]
        if not targets:
            return Selection([], 0, NOTHING_CONNECTED)
        if not subject_ids and options.get("auto_publish", True) is False:
            return Selection([], 0, SWITCHED_OFF)
        items: list[Item] = []
        total = 0
        pages = self.writer.candidates(tenant, subject_ids) if subject_ids else self._open(tenant, targets)
        for page in pages:
            total += len(page)
            items += [Item(one.id, "content", one.title, 1, 1) for one in page[: max(limit - len(items), 0)]]
        return Selection(items, total)

    def apply(self, work: Work, answer: Answer | None) -> Applied:
        """Publish one content to every active destination of its site; see `Function.apply`.

        Raises:
            NoDestination: nothing is connected.
            DestinationUnavailable: at least one destination may take it later; the others were tried too.
            PublishingRefused: at least one refused it for good; the others were tried too.
            StepTakenOver: a later worker of the step was here.
            Fault: as the writer raised it (NOT_FOUND, NOT_APPROVED).
        """
        del answer
        with self.database.transaction(work.tenant) as transaction:
            stored = admit(transaction, FUNCTION, work)
            targets = repository.active_connections(transaction)
        if stored is not None:
            return stored
        if not targets:
            raise NoDestination
        content = self.writer.publishable(work.tenant, work.subject_id)
        if work.tenant.sector(content.sector_id) is None:
            raise SectorGone(content.sector_id)
        outcomes = [self._publish(work.tenant, content, target) for target in targets]
        _raise_failures(outcomes)
        made = [Made("publication", str(outcome.publication_id)) for outcome in outcomes]
        result = Applied(len(made), made, [note for outcome in outcomes for note in outcome.notes])
        with self.database.transaction(work.tenant) as transaction:
            return apply_once(transaction, FUNCTION, work, lambda: result)

    def abandon(self, work: Work, error: str, *, failed: bool) -> None:
        """Mark what was being sent as failed; what is at a destination stays there."""
        del failed
        with self.database.transaction(work.tenant) as transaction:
            admit(transaction, FUNCTION, work)
            repository.give_up(transaction, work.subject_id, error or "The publishing was cancelled.")

    def _open(self, tenant: Tenant, targets: list[UUID]) -> Iterator[list[Candidate]]:
        """Approved contents that a destination lacks; then published ones that failed at one of several."""
        seen: set[UUID] = set()
        for page in self.writer.candidates(tenant, []):
            ids = [one.id for one in page]
            seen |= set(ids)
            with self.database.transaction(tenant) as transaction:
                settled = repository.settled_contents(transaction, ids, targets)
            yield [one for one in page if one.id not in settled]
        with self.database.transaction(tenant) as transaction:
            left = [i for i in repository.unfinished_contents(transaction, targets) if i not in seen]
        if left:
            yield from self.writer.candidates(tenant, left)

    def _publish(self, tenant: Tenant, content: Content, target: Connection) -> Outcome:
        try:
            held = publications.claim(self.database, tenant, content, target, lease_s=self.lease_s)
        except PublicationBusy as busy:
            return Outcome(target, failure=busy, again=True)
        if isinstance(held, Settled):
            return Outcome(target, held.publication_id)
        try:
            return self._send(tenant, held)
        except PublicationBusy as lost:
            return Outcome(target, failure=lost, again=True)

    def _send(self, tenant: Tenant, held: Claim) -> Outcome:
        """Talk to the destination, with no transaction open, and write down what came of it."""
        began = self.clock.monotonic()
        try:
            with publications.keeping(self.database, tenant, held, lease_s=self.lease_s):
                destination = self.destinations.open(tenant, held.target)
                published = destination.publish(self._publishable(held))
        except DestinationError as error:
            again = publications.fail(self.database, tenant, held, error, self._since(began))
            return Outcome(held.target, failure=error, again=again)
        publications.succeed(self.database, tenant, held, published, self._since(began))
        notes = tuple(f"{held.target.label}: {warning}" for warning in published.warnings)
        return Outcome(held.target, held.standing.id, notes)

    def _since(self, began: float) -> int:
        return round((self.clock.monotonic() - began) * 1000)

    def _publishable(self, held: Claim) -> PublishableContent:
        content = held.content
        return PublishableContent(
            content_id=str(content.id),
            title=content.title,
            slug=content.slug,
            html=_cleaned(content.html),
            excerpt=content.excerpt,
            meta_title=content.meta_title,
            meta_description=content.meta_description,
            categories=content.categories,
            tags=content.tags,
            images=tuple(self._image(picture) for picture in content.pictures),
            publish_time=held.standing.create_time,
            update_time=max(content.update_time, held.standing.create_time),
        )

    def _image(self, picture: Picture) -> PublishImage:
        def data() -> bytes:
            try:
                return self.objects.read(picture.object_key)
            except ObjectMissing as error:
                problem = f"The file of the picture {picture.id} is gone; have the picture made again, then publish."
                raise PictureMissing(problem) from error

        return PublishImage(
            image_id=picture.id,
            role=picture.role,
            position=picture.position,
            filename=picture.object_key.rpartition("/")[2],
            mime_type=picture.mime_type,
            alt_text=picture.alt_text,
            data=data,
            width=picture.width,
            height=picture.height,
        )


def _cleaned(html: str) -> str:
    try:
        return domain.clean_html(html)
    except HtmlTooLong as error:
        raise ContentRefused(str(error)) from error


def _raise_failures(outcomes: Sequence[Outcome]) -> None:
    """Raise what should be tried again before what a person must mend: the latter is still true afterwards."""
    passing = [outcome for outcome in outcomes if outcome.failure is not None and outcome.again]
    if passing:
        waits = [getattr(outcome.failure, "retry_after_s", None) or _RETRY_S for outcome in passing]
        raise DestinationUnavailable(_told(passing), retry_after_s=min(waits))
    lasting = [outcome for outcome in outcomes if outcome.failure is not None]
    if lasting:
        first = lasting[0]
        said = first.failure.reason if first.failure is not None else ""
        reason = _REASONS.get(said, "DESTINATION_REFUSED")
        if isinstance(first.failure, TransientDestinationError):
            reason = "DESTINATION_UNAVAILABLE"  # silent for so long that a person must look
        facts = {"site_integration_id": str(first.target.id), "destination_reason": said}
        raise PublishingRefused(reason, _told(lasting), facts)


def _told(outcomes: Sequence[Outcome]) -> str:
    return " ".join(f"{outcome.target.label}: {outcome.failure}" for outcome in outcomes)
