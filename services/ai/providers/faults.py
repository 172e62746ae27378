"""What goes wrong between us and an OpenAI-compatible server, in our own words.

What a server says may hold anything, our key and its own address among it: it is shortened, made one line, and cleaned
of both before anybody reads it.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import parse_qsl, urlsplit

import httpx2
import openai

from chassis.clock import Clock
from services.ai.config import Endpoint
from services.ai.domain import one_line
from services.ai.errors import ProviderRateLimited, ProviderRefused, ProviderUnavailable

RETRY_AFTER_S, RETRY_AFTER_MOST_S = 5.0, 300.0
_SAID_CHARS = 300
_SECRET_CHARS = 4  # less hides nothing and would tear words apart
_SERVER_ERROR = 500
_HINTS = {
    401: "Check {prefix}API_KEY.",
    403: "Check {prefix}API_KEY.",
    404: "Check {prefix}BASE_URL and {prefix}MODEL.",
}


class Faults:
    """Turns the failures of one server into ours.

    Args:
        endpoint: whose; hints name its settings.
        clock: reads dates that say when to come back.
    """

    def __init__(self, endpoint: Endpoint, clock: Clock) -> None:
        self._prefix, self._clock = endpoint.prefix, clock
        parts = urlsplit(endpoint.base_url)
        host = parts.netloc.rpartition("@")[2]
        inside = [value for _, value in parse_qsl(parts.query)]
        secrets = {endpoint.api_key, endpoint.base_url, parts.password or "", host, parts.hostname or "", *inside}
        longest_first = sorted(secrets, key=len, reverse=True)  # or a part of one would keep the rest from being found
        self._secrets = [secret for secret in longest_first if len(secret) >= _SECRET_CHARS]

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Raise ours for whatever the package, or the connection below it, raises in the `with` block."""
        try:
            yield
        except openai.RateLimitError as error:
            raise self._rate_limited(error) from error
        except (openai.APITimeoutError, httpx2.TimeoutException) as error:
            raise ProviderUnavailable(f"The provider did not answer in time; see {self._prefix}BASE_URL.") from error
        except (openai.APIConnectionError, httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise ProviderUnavailable(
                f"The provider cannot be reached; is its server running, and is {self._prefix}BASE_URL right?"
            ) from error
        except openai.APIStatusError as error:
            raise self._refused(error) from error

    def unreadable(self, why: str) -> ProviderUnavailable:
        """Return the error for an answer that is not what such a server answers."""
        return ProviderUnavailable(f"The provider's answer cannot be read: {why}; is {self._prefix}BASE_URL right?")

    def _rate_limited(self, error: openai.RateLimitError) -> ProviderRateLimited | ProviderRefused:
        if error.code == "insufficient_quota":  # waiting does not fill an account
            return ProviderRefused("The provider's account is used up; fill it, or set another key.")
        wait = self._retry_after_s(error.response.headers.get("retry-after", ""))
        return ProviderRateLimited("The provider asks to wait.", retry_after_s=wait)

    def _refused(self, error: openai.APIStatusError) -> ProviderUnavailable | ProviderRefused:
        """A 5xx is worth another try, prose or not: llama.cpp's server says 500 for an answer it could not finish."""
        if error.status_code >= _SERVER_ERROR or error.status_code in {408, 409}:
            return ProviderUnavailable(f"The provider failed with {error.status_code}; it may be asked again.")
        hint = _HINTS.get(error.status_code, "Check {prefix}MODEL, and shorten what is asked if it is too long.")
        said = self._clean(error).rstrip(".")
        return ProviderRefused(
            f"The provider refused the call with {error.status_code}: {said}. {hint.format(prefix=self._prefix)}"
        )

    def _clean(self, error: openai.APIStatusError) -> str:
        body = error.body
        said = str(body.get("message") or error.message) if isinstance(body, dict) else error.message
        for secret in self._secrets:
            said = said.replace(secret, "[hidden]")
        return one_line(said, _SAID_CHARS)

    def _retry_after_s(self, header: str) -> float:
        """Return seconds to wait: a number of them or a date, as RFC 9110 section 10.2.3 allows both."""
        try:
            wait = float(header)
        except ValueError:
            wait = self._until(header)
        return min(max(wait, 0.0), RETRY_AFTER_MOST_S) if math.isfinite(wait) else RETRY_AFTER_S

    def _until(self, date: str) -> float:
        try:
            then = parsedate_to_datetime(date)
        except ValueError:
            return RETRY_AFTER_S
        return (then.replace(tzinfo=then.tzinfo or UTC) - self._clock.now()).total_seconds()
