"""Who may call at all, and how often: a bucket for each credential, and one for each address that signs up or in."""

from chassis.passport import Passport
from gateway.bindings import SITE
from gateway.callers import Callers, Credential, Principal
from gateway.exchange import Exchange
from gateway.limits import Buckets


class Admission:
    """Lets requests in.

    Args:
        callers: knows who holds a credential.
        calls: buckets by credential.
        sign_ins: buckets by address, for calls without a credential.
    """

    def __init__(self, callers: Callers, calls: Buckets, sign_ins: Buckets) -> None:
        self.callers = callers
        self._calls = calls
        self._sign_ins = sign_ins

    def admit_stranger(self, exchange: Exchange) -> None:
        """Let somebody in who has not signed in yet.

        Raises:
            RateLimited: the address has tried too often.
        """
        exchange.headers.update(self._sign_ins.take(exchange.client_address).headers)

    async def admit(self, exchange: Exchange) -> Principal:
        """Return who is calling.

        Raises:
            Fault: nobody known is, or too often.
        """
        credential = Credential.of(exchange.request.headers)
        exchange.headers.update(self._calls.take(credential.fingerprint).headers)
        return await self.callers.principal(credential)

    async def passport(self, exchange: Exchange, scope: str, *, at_site: bool, of_account: bool = True) -> Passport:
        """Return the passport of a call.

        Args:
            exchange: the call.
            scope: what the method needs.
            at_site: whether the method works on the site that the path names.
            of_account: whether it is about an account.

        Raises:
            Fault: nobody known is calling, too often, or somebody who may not.
        """
        principal = await self.admit(exchange)
        site = exchange.variables.get(SITE)
        return await self.callers.passport(principal, scope, site=site, at_site=at_site, of_account=of_account)
