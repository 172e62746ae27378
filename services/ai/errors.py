"""Why a call to a model fails.

Fault
 ├─ Unavailable
 │   ├─ ProviderUnavailable   the provider cannot be reached or answers 5xx
 │   └─ CallInFlight          the same call is under way
 ├─ ResourceExhausted
 │   └─ ProviderRateLimited   the provider asks to wait
 ├─ FailedPrecondition
 │   ├─ ProviderRefused       the provider refused the request or the key
 │   ├─ AnswerTruncated       the answer was cut off at the token limit
 │   ├─ AnswerMalformed       the answer is not the JSON that was asked for
 │   └─ NoModel               no model of this kind is configured
 └─ InvalidArgument
     └─ TemplateInvalid       no such template, or variables are missing
"""

from chassis.errors import FailedPrecondition, Internal, InvalidArgument, ResourceExhausted, Unavailable


class ProviderUnavailable(Unavailable):
    """The provider cannot be reached or answers 5xx; worth another try."""

    reason = "PROVIDER_UNAVAILABLE"


class CallInFlight(Unavailable):
    """The same call is under way; ask again."""

    reason = "CALL_IN_FLIGHT"


class ProviderRateLimited(ResourceExhausted):
    """The provider asks to wait."""

    reason = "PROVIDER_RATE_LIMITED"


class ProviderRefused(FailedPrecondition):
    """The provider refused the request or the key."""

    reason = "PROVIDER_REFUSED"


class AnswerTruncated(FailedPrecondition):
    """The answer was cut off at the token limit."""

    reason = "ANSWER_TRUNCATED"


class AnswerMalformed(FailedPrecondition):
    """The answer is not the JSON that was asked for."""

    reason = "ANSWER_MALFORMED"


class NoModel(FailedPrecondition):
    """No model of this kind is configured."""

    reason = "NO_MODEL"


class TemplateInvalid(InvalidArgument):
    """No such template, or variables are missing."""

    reason = "TEMPLATE_INVALID"


STORED = {
    error.reason: error
    for error in (
        ProviderUnavailable,
        ProviderRateLimited,
        ProviderRefused,
        AnswerTruncated,
        AnswerMalformed,
        NoModel,
        TemplateInvalid,
        Internal,
    )
}
"""Failures that a call's record answers with when it is asked again, by reason: each ends the request id, so that
whoever wants another try sends another one."""
