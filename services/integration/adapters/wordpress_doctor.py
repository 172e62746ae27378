"""The connection test: which of the things that usually go wrong is it?

In order, up to the first failure: the REST API, application passwords, the credentials, the user's rights.
Whether application passwords exist is asked before they are tried: where they do not, every call is the same
401 as for a wrong password.
"""

from collections.abc import Callable, Iterator

from services.integration.adapters.base import (
    Check,
    ConnectionReport,
    DestinationError,
)
from services.integration.adapters.wordpress_rest import Json, WordPressRest

_NEEDED = ("edit_posts", "publish_posts", "upload_files")


def examine(rest: WordPressRest) -> ConnectionReport:
    """Run the checks; a failure is in the report, never raised."""
    return ConnectionReport(tuple(_checks(rest)))


def _checks(rest: WordPressRest) -> Iterator[Check]:
    index, check = _read("rest_api", lambda: rest.get("/", anonymous=True), "The site's REST API answers.")
    if check.ok and "wp/v2" not in _list(index, "namespaces"):
        hint = "Check the address; if it is right, a plugin switches WordPress's own REST API off."
        check = Check("rest_api", ok=False, detail="What answers here is not WordPress.", hint=hint)
    yield check
    if not check.ok:
        return
    check = _application_passwords(rest, index)
    yield check
    if not check.ok:
        return
    user, check = _read(
        "credentials",
        lambda: rest.get("/wp/v2/users/me", {"context": "edit"}),
        "WordPress accepts the application password.",
    )
    yield check
    if check.ok:
        yield _permissions(user)


def _read(name: str, ask: Callable[[], Json], detail: str) -> tuple[Json, Check]:
    try:
        return ask(), Check(name, ok=True, detail=detail)
    except DestinationError as error:
        return None, Check(name, ok=False, detail=error.reason, hint=str(error))


def _application_passwords(rest: WordPressRest, index: Json) -> Check:
    name = "application_passwords"
    if "application-passwords" not in _list(index, "authentication"):
        hint = (
            "They need HTTPS (or WP_ENVIRONMENT_TYPE 'local' on a test site) and may be switched off by a "
            "security plugin: turn them on, then make one in the user's profile."
        )
        return Check(name, ok=False, detail="Application passwords are switched off on this site.", hint=hint)
    if rest.insecure:
        detail = "The address begins with http://, so the password could be read on the way."
        return Check(name, ok=False, detail=detail, hint="Connect the site by its https:// address.")
    return Check(name, ok=True, detail="The site offers application passwords.")


def _permissions(user: Json) -> Check:
    rights = user.get("capabilities") if isinstance(user, dict) else None
    rights = rights if isinstance(rights, dict) else {}
    missing = [right for right in _NEEDED if not rights.get(right)]
    if missing:
        detail = f"The user lacks {', '.join(missing)}."
        return Check("permissions", ok=False, detail=detail, hint="Give it the role Editor, or use another user.")
    if not rights.get("manage_categories"):
        hint = "New categories cannot be made by this user: make them in WordPress, or give it the role Editor."
        return Check("permissions", ok=True, detail="The user may publish.", hint=hint)
    return Check("permissions", ok=True, detail="The user may publish and make categories.")


def _list(index: Json, key: str) -> Json:
    """A list or object of the index; PHP writes an empty object as an empty list."""
    found = index.get(key) if isinstance(index, dict) else None
    return found if isinstance(found, dict | list) else []
