"""Where an embedded server keeps its files.

PostgreSQL refuses to run as root, so under root it runs as an unprivileged user. That user must be able to
walk to its files; a checkout under a home such as /root (mode 0700) is out of reach. Then the files are kept
elsewhere and the home gets a link to them: whoever removes the home starts afresh.
"""

from __future__ import annotations

import json
import logging
import os
import pwd
import secrets
import stat
import tempfile
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

logger = logging.getLogger(__name__)

SOCKET_PATH_BYTES_MAX = 107  # sockaddr_un.sun_path is 108 bytes with its closing zero
USERS_PREFERRED = ("postgres", "nobody")
LINK_NAME = "elsewhere"


@dataclass(frozen=True)
class OsUser:
    """An operating system user that a server runs as."""

    name: str
    uid: int
    gid: int


def unprivileged_user() -> OsUser | None:
    """The user to run a server as when we are root; None when we are not, and run it as ourselves.

    Raises:
        LookupError: we are root and the machine has neither `postgres` nor `nobody`.
    """
    if os.geteuid() != 0:
        return None
    for entry in (e for name in USERS_PREFERRED for e in pwd.getpwall() if e.pw_name == name and e.pw_uid != 0):
        return OsUser(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise LookupError("PostgreSQL does not run as root: add a user named 'postgres', or start as another user")


def reachable(path: Path, user: OsUser | None) -> bool:
    """Whether `user` can walk to `path`; of the parts that do not exist yet nothing is asked."""
    if user is None:
        return True
    path = path.absolute().resolve()
    return all(_may_enter(folder.stat(), user) for folder in (path, *path.parents) if folder.is_dir())


def _may_enter(status: os.stat_result, user: OsUser) -> bool:
    if status.st_uid == user.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == user.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def settle(home: Path, user: OsUser | None) -> Path:
    """The folder that holds the server's files: `home`, or what its link points to.

    Args:
        home: the folder asked for; made when missing.
        user: whoever must be able to reach the files, None when that is us.
    """
    home.mkdir(parents=True, exist_ok=True)
    link = home / LINK_NAME
    if link.is_symlink():
        if not link.is_dir():
            raise FileNotFoundError(f"{link} points to {link.readlink()}, which is gone; remove {home} to start afresh")
        return link.resolve()
    if user is None:
        return home.resolve()
    if reachable(home.parent, user):
        home.chmod(0o711)
        return home.resolve()
    base = Path("/var/lib") if os.access("/var/lib", os.W_OK) else Path(tempfile.gettempdir())
    elsewhere = base / f"igny8-{home.name}-{secrets.token_hex(4)}"
    elsewhere.mkdir(mode=0o711)
    elsewhere.chmod(0o711)  # whatever the umask is
    link.symlink_to(elsewhere)
    logger.warning("%s is out of reach for user %s: its files are kept in %s", home, user.name, elsewhere)
    return elsewhere


def own_folder(path: Path, user: OsUser | None) -> Path:
    """Make `path` a private folder of `user` (or of ours).

    Raises:
        PermissionError: it exists and belongs to somebody else; in a shared folder that may be an attack.
    """
    path.mkdir(mode=0o700, exist_ok=True)
    if user is not None and path.stat().st_uid == 0 and not path.is_symlink():
        os.chown(path, user.uid, user.gid)
    owner = user.uid if user else os.geteuid()
    if path.is_symlink() or path.stat().st_uid != owner:
        raise PermissionError(f"{path} belongs to somebody else; remove it and start again")
    path.chmod(0o700)
    return path


def socket_folder(place: Path, socket_name: str, user: OsUser | None) -> Path:
    """A private folder for a unix socket: below `place`, or a short one where that path would be too long."""
    folder = place / "run"
    if len(os.fsencode(folder / socket_name)) > SOCKET_PATH_BYTES_MAX:
        key = sha256(os.fsencode(place)).hexdigest()[:12]  # the same after a restart
        folder = Path("/tmp") / f"igny8-{os.geteuid()}-{key}"  # noqa: S108 - short on purpose; own_folder checks whose it is
    return own_folder(folder, user)


def write_private(path: Path, text: str) -> None:
    """Write a file that only we can read, whole or not at all."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # mkstemp: mode 0600
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    Path(name).replace(path)


class Passwords:
    """Generated passwords by role, kept in one private file so that a restart finds them again."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __call__(self, role: str) -> str:
        """The password of `role`; generated and stored before it is returned the first time."""
        known: dict[str, str] = json.loads(self._path.read_text()) if self._path.exists() else {}
        if role not in known:
            known[role] = secrets.token_urlsafe(24)
            write_private(self._path, json.dumps(known, indent=1))
        return known[role]
