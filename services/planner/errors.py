"""The planner's own failures; each reason stands in `PlannerErrorReason`.

Fault
 ├─ InvalidArgument
 │   ├─ UnknownSector         UNKNOWN_SECTOR         the sector is not one of the site's
 │   └─ FileRefused           UNKNOWN_LAYOUT, NOT_TEXT, EMPTY_FILE, FILE_TOO_LARGE: the file as a whole
 ├─ AlreadyExists
 │   └─ KeywordExists         ALREADY_EXISTS         the sector has the keyword
 ├─ FailedPrecondition
 │   ├─ TooFewKeywords        TOO_FEW_KEYWORDS       clustering needs more
 │   ├─ PlanLimit             PLAN_LIMIT             the plan allows no more keywords
 │   ├─ PreviewOutdated       PREVIEW_OUTDATED       the library is not what it was when it was looked at
 │   └─ UploadMissing         WRONG_STATE            the uploaded file is gone
 └─ Unavailable
     └─ ClusteringInterrupted UNAVAILABLE            its process ended; the step is tried again
"""

from uuid import UUID

from chassis.errors import AlreadyExists, FailedPrecondition, InvalidArgument, Unavailable, Violation
from chassis.passport import SiteClaim


class UnknownSector(InvalidArgument):
    """The sector is not one of the site's."""

    reason = "UNKNOWN_SECTOR"

    def __init__(self, field: str, sector_id: UUID | str, site: SiteClaim) -> None:
        offered = ", ".join(f"{sector.name} ({sector.id})" for sector in site.sectors) or "it has none yet"
        description = f"{str(sector_id)[:60]!r} is not a sector of {site.name or 'the site'}; use one of: {offered}"
        super().__init__(f"{field}: {description}", violations=[Violation(field, description)])


class FileRefused(InvalidArgument):
    """A whole keyword file cannot be imported; nothing of it was stored."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message, violations=[Violation("file", message)])
        self.reason = reason


class KeywordExists(AlreadyExists):
    """The sector has the keyword."""

    def __init__(self, text: str) -> None:
        super().__init__(f"The sector has the keyword {text!r} already; change that one instead.")


class TooFewKeywords(FailedPrecondition):
    """Clustering needs more keywords than are ready."""

    reason = "TOO_FEW_KEYWORDS"


class PlanLimit(FailedPrecondition):
    """The plan allows no more keywords."""

    reason = "PLAN_LIMIT"

    def __init__(self, *, plan: str, allowed: int, used: int, wanted: int) -> None:
        left = max(allowed - used, 0)
        super().__init__(
            f"The plan {plan} allows {allowed:,} keywords; {used:,} are used, so {left:,} fit and {wanted:,} would be "
            "added. Delete keywords, bring a shorter list, or choose a larger plan.",
            metadata={"plan": plan, "allowed": str(allowed), "used": str(used), "wanted": str(wanted)},
        )


class PreviewOutdated(FailedPrecondition):
    """The library is not what it was when a change was previewed."""

    reason = "PREVIEW_OUTDATED"

    def __init__(self, lines: int) -> None:
        super().__init__(
            f"The library has changed since the preview: {lines:,} of its lines would do something else now, so "
            "nothing was written. Upload the file again and look at the new preview.",
            metadata={"lines": str(lines)},
        )


class UploadMissing(FailedPrecondition):
    """The uploaded file is gone."""

    def __init__(self, filename: str) -> None:
        super().__init__(f"The uploaded file {filename!r} is no longer there; upload it again.")


class ClusteringInterrupted(Unavailable):
    """The process that clusters ended before it was done."""
