"""Who: accounts, people, API keys, sites, sectors and the industry catalogue; verifies credentials, resolves a site.

Owns no money and no content. It is the only service whose account, site and sector rows are the real ones; everywhere
else they are references written from a passport.
"""
