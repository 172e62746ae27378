"""Debian's packages: the programs that are installed, and the WordPress core that is only unpacked."""

import os
import re
import shutil
import subprocess
from pathlib import Path

INSTALLED = (
    "php-cli",
    "php-mysql",
    "php-curl",
    "php-gd",
    "php-xml",
    "php-mbstring",
    "php-zip",
    "php-intl",
    "mariadb-server-core",  # the server alone: `mariadb-server` would also start a service of its own
)
CORE = ("wordpress", "libphp-phpmailer", "php-getid3")
SCRIPTS = ("libjs-underscore", "libjs-lodash", "libjs-cropper", "libjs-jquery-ui")
_PHP_MODULES = {"mysqli", "curl", "gd", "xml", "mbstring", "zip", "intl"}
_APT_S = 300
_APT = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}


class WordPressUnavailable(Exception):
    """A real WordPress cannot be brought up on this machine; the message says what to do."""


def ensure_programs() -> None:
    """Have PHP with its modules and MariaDB, installing Debian's packages when this process may.

    Raises:
        WordPressUnavailable: something is missing and cannot be installed from here.
    """
    missing = missing_programs()
    if not missing:
        return
    packages = " ".join(INSTALLED)
    by_hand = f"run `apt-get install --no-install-recommends {packages}` as root, then again"
    if shutil.which("apt-get") is None:
        raise WordPressUnavailable(f"Missing: {missing}, and there is no apt-get. On Debian, {by_hand}.")
    if os.geteuid() != 0:
        raise WordPressUnavailable(f"Missing: {missing}, and only root may install packages: {by_hand}.")
    _refresh_lists("php-cli")
    try:
        _apt("apt-get", "install", "-y", "--no-install-recommends", *INSTALLED)
    except WordPressUnavailable:
        # the usual reason is a list older than the archive
        _apt("apt-get", "update")
        _apt("apt-get", "install", "-y", "--no-install-recommends", *INSTALLED)
    if still := missing_programs():
        raise WordPressUnavailable(f"Still missing after the installation: {still}; {by_hand}.")


def missing_programs() -> str:
    """Name what is not on this machine, or an empty string."""
    missing = [name for name in ("php", "mariadbd") if program(name) is None]
    if php := program("php"):
        loaded = subprocess.run([php, "-m"], capture_output=True, text=True, check=True, timeout=30).stdout
        missing += sorted(f"php-{name}" for name in _PHP_MODULES - set(loaded.lower().split()))
    return ", ".join(missing)


def program(name: str) -> str | None:
    """Find a program; Debian keeps servers in folders that a user's PATH often lacks."""
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def unpack_core(destination: Path) -> None:
    """Download WordPress with a theme and copy it, free of symbolic links, to `destination`.

    Raises:
        WordPressUnavailable: the packages cannot be had from here.
    """
    if shutil.which("apt-get") is None or shutil.which("dpkg") is None:
        raise WordPressUnavailable("WordPress is taken from Debian's package: this needs apt-get and dpkg.")
    _refresh_lists("wordpress")
    work = destination.with_name(destination.name + ".unpack")
    (work / "deb").mkdir(parents=True)
    names = [*CORE, *(name for name in (*SCRIPTS, _theme()) if _candidate(name))]
    # the default download user may not enter our folder
    _apt("apt-get", "download", "-o", "APT::Sandbox::User=root", *names, cwd=work / "deb")
    for package in sorted((work / "deb").glob("*.deb")):
        _apt("dpkg", "-x", str(package), str(work / "tree"))
    _point_links_into(work / "tree")
    shutil.copytree(work / "tree/usr/share/wordpress", destination, ignore_dangling_symlinks=True)
    shutil.rmtree(work)


def _point_links_into(tree: Path) -> None:
    for link in [path for path in tree.rglob("*") if path.is_symlink()]:
        target = link.readlink()
        inside = tree / target.relative_to("/") if target.is_absolute() else target
        if target.is_absolute() and inside.exists():
            link.unlink()
            link.symlink_to(inside.resolve())


def _refresh_lists(wanted: str) -> None:
    if _candidate(wanted):
        return
    if os.geteuid() != 0:
        raise WordPressUnavailable(f"apt knows no package {wanted}: run `apt-get update` as root, then again.")
    _apt("apt-get", "update")
    if not _candidate(wanted):
        raise WordPressUnavailable(f"apt knows no package {wanted}: add Debian's main archive to its sources.")


def _candidate(package: str) -> str:
    found = re.search(r"Candidate: (?!\(none\))(\S+)", _apt("apt-cache", "policy", package))
    return found[1] if found else ""


def _theme() -> str:
    found = re.search(r"wordpress-theme-\w+", _apt("apt-cache", "show", "--no-all-versions", "wordpress"))
    return found[0] if found else "wordpress-theme-twentytwentythree"


def _apt(*command: str, cwd: Path | None = None) -> str:
    if command[0] == "apt-get":
        command = (command[0], "-q", "-o", "DPkg::Lock::Timeout=120", *command[1:])
    try:
        done = subprocess.run(command, cwd=cwd, env=_APT, capture_output=True, text=True, check=True, timeout=_APT_S)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        said = str(error.stderr or error.output or "nothing").strip()[-600:]
        raise WordPressUnavailable(f"`{' '.join(command)}` failed and said: {said}") from error
    return done.stdout
