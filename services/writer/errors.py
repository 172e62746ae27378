"""What the writer refuses, beyond the chassis's own errors.

FailedPrecondition
 ├─ NotApproved       only approved content goes to a destination
 └─ ImagesPending     pictures are still being made
InvalidArgument
 └─ UnknownCluster    the cluster is not the site's
"""

from uuid import UUID

from chassis.errors import FailedPrecondition, InvalidArgument, Violation


class NotApproved(FailedPrecondition):
    """The content is not approved."""

    reason = "NOT_APPROVED"

    def __init__(self, content_id: UUID, status: str) -> None:
        super().__init__(
            f"The content {content_id} is in the state {status}; approve the content before it is published.",
            metadata={"status": status},
        )


class ImagesPending(FailedPrecondition):
    """The content still waits for pictures."""

    reason = "IMAGES_PENDING"

    def __init__(self, content_id: UUID, pending: int) -> None:
        super().__init__(
            f"{pending} of the pictures of the content {content_id} are still to be made; "
            "make or delete them, then approve the content.",
            metadata={"pending": str(pending)},
        )


class UnknownCluster(InvalidArgument):
    """The cluster is not the site's."""

    reason = "UNKNOWN_CLUSTER"

    def __init__(self, cluster_id: UUID) -> None:
        message = f"there is no cluster {cluster_id} on this site; choose one of the site's clusters"
        super().__init__(
            f"task.cluster_id: {message}",
            violations=[Violation("task.cluster_id", message)],
        )
