"""`igny8.identity.v1.IdentityService`: the thin edge over the use cases."""

from typing import cast

import grpc
from igny8.identity.v1 import identity_pb2 as pb
from igny8.identity.v1 import identity_service_pb2 as rpc
from igny8.identity.v1 import identity_service_pb2_grpc

from chassis import call
from chassis.database import Database
from chassis.idempotency import once
from chassis.ids import require_id
from services.identity import resources, translate
from services.identity.security import Security
from services.identity.usecases import accounts, keys, principals, sessions, sites

_update_account = resources.ACCOUNT.update(pb.Account, accounts.tell_change)
_update_site = resources.SITE.update(pb.Site)


class IdentityServicer(identity_service_pb2_grpc.IdentityServiceServicer):
    """Identity on the wire.

    Args:
        database: identity's, under its app role.
        security: passwords and tokens.
    """

    def __init__(self, database: Database, security: Security) -> None:
        self.database, self._security = database, security

    ListMembers = resources.MEMBER.list(rpc.ListMembersResponse)
    GetMember = resources.MEMBER.get(pb.Member)
    GetApiKey = resources.API_KEY.get(pb.ApiKey)
    ListApiKeys = resources.API_KEY.list(rpc.ListApiKeysResponse)
    GetSite = resources.SITE.get(pb.Site)
    ListSites = resources.SITE.list(rpc.ListSitesResponse)
    GetSector = resources.SECTOR.get(pb.Sector)
    ListSectors = resources.SECTOR.list(rpc.ListSectorsResponse)
    UpdateSector = resources.SECTOR.update(pb.Sector)
    ListIndustries = resources.INDUSTRY.list(rpc.ListIndustriesResponse)
    ListIndustrySectors = resources.INDUSTRY_SECTOR.list(rpc.ListIndustrySectorsResponse)

    def SignUp(self, request: rpc.SignUpRequest, context: grpc.ServicerContext) -> rpc.SignUpResponse:
        """Open an account and sign its owner in."""
        account, session = accounts.sign_up(self.database, self._security, translate.new_account(request))
        return rpc.SignUpResponse(account=translate.account(account), session=translate.session(session))

    def LogIn(self, request: rpc.LogInRequest, context: grpc.ServicerContext) -> rpc.LogInResponse:
        """Sign a person in."""
        account_id = require_id("account_id", request.account_id) if request.account_id else None
        session = sessions.log_in(self.database, self._security, request.email, request.password, account_id)
        return rpc.LogInResponse(session=translate.session(session))

    def RefreshSession(
        self, request: rpc.RefreshSessionRequest, context: grpc.ServicerContext
    ) -> rpc.RefreshSessionResponse:
        """Exchange a refresh token."""
        session = sessions.refresh(self.database, self._security, request.refresh_token)
        return rpc.RefreshSessionResponse(session=translate.session(session))

    def LogOut(self, request: rpc.LogOutRequest, context: grpc.ServicerContext) -> rpc.LogOutResponse:
        """End a session."""
        sessions.log_out(self.database, self._security, request.refresh_token)
        return rpc.LogOutResponse()

    def Authenticate(self, request: rpc.AuthenticateRequest, context: grpc.ServicerContext) -> rpc.AuthenticateResponse:
        """Tell who holds a credential."""
        named = request.acting_for_account_id
        acting_for = require_id("acting_for_account_id", named) if named else None
        who = principals.authenticate(self.database, self._security, request.credential, acting_for)
        return rpc.AuthenticateResponse(principal=translate.principal(who))

    def ResolveSite(self, request: rpc.ResolveSiteRequest, context: grpc.ServicerContext) -> rpc.ResolveSiteResponse:
        """Tell what a passport must say of a site."""
        account_id = require_id("account_id", request.account_id)
        site_id = require_id("site_id", request.site_id) if request.site_id else None
        resolved = principals.resolve_site(self.database, account_id, site_id, even_inactive=request.even_inactive)
        if resolved is None:
            return rpc.ResolveSiteResponse()
        return rpc.ResolveSiteResponse(site=translate.site_claims(resolved), time_zone=resolved.time_zone)

    def GetAccount(self, request: rpc.GetAccountRequest, context: grpc.ServicerContext) -> pb.Account:
        """Read the caller's account."""
        return translate.account(accounts.get_account(self.database, call.tenant()))

    def UpdateAccount(self, request: rpc.UpdateAccountRequest, context: grpc.ServicerContext) -> pb.Account:
        """Change the caller's account, which is the passport's and never the message's."""
        accounts.require_whole_account(call.tenant())
        request.account.id = str(call.tenant().account_id)
        return cast("pb.Account", _update_account(self, request, context))

    def GetCatalogue(self, request: rpc.GetCatalogueRequest, context: grpc.ServicerContext) -> rpc.GetCatalogueResponse:
        """Read the whole catalogue."""
        return translate.catalogue(*sites.get_catalogue(self.database))

    def CreateApiKey(self, request: rpc.CreateApiKeyRequest, context: grpc.ServicerContext) -> rpc.CreateApiKeyResponse:
        """Make an API key and show it once."""
        row, secret = keys.create_api_key(
            self.database,
            call.tenant(),
            translate.new_key(request.api_key),
            holder_scopes=call.passport().scopes,
            clock=self._security.clock,
        )
        return rpc.CreateApiKeyResponse(api_key=translate.api_key(row), secret=secret)

    def RevokeApiKey(self, request: rpc.RevokeApiKeyRequest, context: grpc.ServicerContext) -> pb.ApiKey:
        """Revoke an API key."""
        key_id = require_id("api_key_id", request.api_key_id)
        return translate.api_key(keys.revoke_api_key(self.database, call.tenant(), key_id, self._security.clock))

    def CreateSite(self, request: rpc.CreateSiteRequest, context: grpc.ServicerContext) -> pb.Site:
        """Make a site with its first sectors."""
        asked = translate.new_site(request)
        with self.database.transaction(call.tenant()) as transaction:
            return once(
                transaction,
                "CreateSite",
                request,
                pb.Site,
                lambda: translate.site(sites.create_site(transaction, asked)),
            )

    def UpdateSite(self, request: rpc.UpdateSiteRequest, context: grpc.ServicerContext) -> pb.Site:
        """Change a site; its domain is stored as a host name however it was written."""
        if request.site.domain:
            request.site.domain = sites.normal_domain(request.site.domain)
        return cast("pb.Site", _update_site(self, request, context))

    def DeleteSite(self, request: rpc.DeleteSiteRequest, context: grpc.ServicerContext) -> pb.Site:
        """Hide a site."""
        site_id = require_id("site_id", request.site_id)
        return translate.site(sites.delete_site(self.database, call.tenant(), site_id, request.etag))

    def UndeleteSite(self, request: rpc.UndeleteSiteRequest, context: grpc.ServicerContext) -> pb.Site:
        """Bring a site back."""
        site_id = require_id("site_id", request.site_id)
        return translate.site(sites.undelete_site(self.database, call.tenant(), site_id))

    def CreateSector(self, request: rpc.CreateSectorRequest, context: grpc.ServicerContext) -> pb.Sector:
        """Add a sector to a site."""
        template_id = require_id("sector.industry_sector_id", request.sector.industry_sector_id)
        return translate.sector(sites.create_sector(self.database, call.tenant(), template_id, request.sector.name))
