"""One running WordPress, and the base that every one of them is copied from."""

import fcntl
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.e2e.wordpress import packages
from tests.e2e.wordpress.packages import WordPressUnavailable

CACHE = Path(__file__).parents[3] / ".cache" / "wordpress"
PHP = Path(__file__).parent / "php"
SUPERVISOR = Path(__file__).parent / "supervisor.py"
PHP_WORKERS = 4  # one alone deadlocks when the site calls itself
_START_S = 60
_PHP_S = 60


@dataclass
class WordPressSite:
    """A WordPress of one's own: `url` has no slash at its end; the user is an administrator."""

    url: str
    user: str
    application_password: str
    version: str
    content_dir: Path
    _environment: dict[str, str] = field(repr=False)
    _supervisor: "subprocess.Popen[str]" = field(repr=False)

    @classmethod
    def start(cls, *, subfolder: str = "", environment: str = "local") -> Self:
        """Bring up a fresh site on a free loopback port.

        Args:
            subfolder: where the site lives below the host, without slashes.
            environment: WP_ENVIRONMENT_TYPE; anything but "local" switches application passwords off.

        Raises:
            WordPressUnavailable: it cannot be had on this machine; the message says what to do.
        """
        base = _base()
        folder = Path(tempfile.mkdtemp(prefix="igny8-wp-"))
        shutil.copytree(base / "data", folder / "data")
        shutil.copytree(base / "wp-content", folder / "wp-content")
        port = _free_port()
        home = f"http://127.0.0.1:{port}" + (f"/{subfolder}" if subfolder else "")
        variables = _variables(folder, base / "core", home, environment)
        web = {
            "argv": [*_php(), "-S", f"127.0.0.1:{port}", "-t", str(base / "core"), str(base / "router.php")],
            "env": {**variables, "PHP_CLI_SERVER_WORKERS": str(PHP_WORKERS)},
            "log": str(folder / "php.log"),
            "port": port,
        }
        servers = [_database(folder), web]
        supervisor = _supervise({"servers": servers, "folder": str(folder), "graceful": False})
        made = json.loads((base / "made.json").read_text())
        return cls(
            home,
            made["user"],
            made["password"],
            made["version"],
            folder / "wp-content",
            variables,
            supervisor,
        )

    def run_php(self, code: str) -> str:
        """Run PHP inside this WordPress, after wp-load.php, and return what it printed."""
        loaded = f"require getenv('WP_TEST_CORE') . '/wp-load.php'; {code}"
        return _run_php(["-r", loaded], self._environment)

    def stop(self) -> None:
        """End its servers and remove its data. Safe to call twice."""
        _release(self._supervisor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _base() -> Path:
    """The installed base, built once per version of the scripts, by one test run at a time."""
    recipe = b"".join(path.read_bytes() for path in sorted(PHP.iterdir()))
    base = CACHE / f"base-{hashlib.sha256(recipe).hexdigest()[:12]}"
    with _locked():
        packages.ensure_programs()
        if not base.exists():
            _build(base)
    return base


@contextmanager
def _locked() -> Iterator[None]:
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / ".gitignore").write_text("*\n")
    with (CACHE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(base: Path) -> None:
    draft = base.with_name("draft")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir()
    packages.unpack_core(draft / "core")
    shutil.move(draft / "core/wp-content", draft / "wp-content")
    (draft / "wp-content/uploads").mkdir(exist_ok=True)
    shutil.copy(PHP / "wp-config.php", draft / "core/wp-config.php")
    shutil.copy(PHP / "router.php", draft / "router.php")
    _create_database(draft)
    # The socket's path may have 107 characters: a checkout's may be longer.
    with tempfile.TemporaryDirectory(prefix="igny8-wp-") as short:
        (Path(short) / "data").symlink_to(draft / "data")
        (Path(short) / "wp-content").symlink_to(draft / "wp-content")
        supervisor = _supervise({"servers": [_database(Path(short))], "folder": None, "graceful": True})
        try:
            variables = _variables(Path(short), draft / "core", "http://127.0.0.1", "local")
            made = _run_php([str(PHP / "install.php")], variables)
        finally:
            _release(supervisor)
    (draft / "made.json").write_text(made[made.index("{") :])
    draft.rename(base)


def _create_database(draft: Path) -> None:
    """Make the system tables from the server's own SQL; `mariadb-install-db` needs the client's package."""
    (draft / "data").mkdir()
    share = Path("/usr/share/mysql")
    tables = next((p for p in share.glob("m*_system_tables.sql")), None)
    data = next((p for p in share.glob("m*_system_tables_data.sql")), None)
    if not tables or not data:
        raise WordPressUnavailable(f"MariaDB's SQL files are not in {share}: reinstall mariadb-server-core.")
    sql = f"CREATE DATABASE mysql;\nUSE mysql;\n{tables.read_text()}\n{data.read_text()}"
    done = subprocess.run(
        [*_mariadb(draft), "--bootstrap"],
        input=sql,
        capture_output=True,
        text=True,
        timeout=_START_S,
        check=False,
    )
    if done.returncode != 0:
        raise WordPressUnavailable(f"MariaDB made no data directory and said: {done.stderr[-600:]}")


def _mariadb(folder: Path) -> list[str]:
    """A small server for throw-away data; as root MariaDB refuses to run unless told which user to be."""
    user = ["--user=root"] if os.geteuid() == 0 else []
    quick = [
        "--innodb-flush-log-at-trx-commit=0",
        "--innodb-buffer-pool-size=64M",
        "--innodb-log-file-size=8M",
    ]
    return [str(packages.program("mariadbd")), "--no-defaults", *user, f"--datadir={folder / 'data'}", *quick]


def _database(folder: Path) -> dict[str, object]:
    sock = str(folder / "mysql.sock")
    private = [
        "--skip-networking",
        "--skip-grant-tables",
        f"--socket={sock}",
        f"--pid-file={folder / 'mysql.pid'}",
    ]
    return {
        "argv": [*_mariadb(folder), *private],
        "env": {},
        "log": str(folder / "mysql.log"),
        "unix": sock,
    }


def _variables(folder: Path, core: Path, home: str, environment: str) -> dict[str, str]:
    return {
        "WP_TEST_SOCKET": str(folder / "mysql.sock"),
        "WP_TEST_HOME": home,
        "WP_TEST_CONTENT": str(folder / "wp-content"),
        "WP_TEST_CORE": str(core),
        "WP_TEST_ENVIRONMENT": environment,
    }


def _php() -> list[str]:
    """PHP that keeps compiled code, also between processes, and mails nobody."""
    compiled = CACHE / "compiled"
    compiled.mkdir(exist_ok=True)
    settings = (
        "opcache.enable_cli=1",
        f"opcache.file_cache={compiled}",
        "sendmail_path=/bin/true",
        "memory_limit=256M",
        "upload_max_filesize=32M",
        "post_max_size=32M",
    )
    return [str(packages.program("php")), *(part for setting in settings for part in ("-d", setting))]


def _run_php(arguments: list[str], variables: dict[str, str]) -> str:
    done = subprocess.run(
        [*_php(), *arguments],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=_PHP_S,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"PHP failed ({done.returncode}): {done.stdout[-800:]} {done.stderr[-800:]}")
    return done.stdout


def _supervise(job: dict[str, object]) -> "subprocess.Popen[str]":
    supervisor = subprocess.Popen(
        [sys.executable, str(SUPERVISOR), json.dumps(job)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for the tests; they close the pipe
    )
    assert supervisor.stdout is not None
    said = supervisor.stdout.readline().strip()
    if said != "ready":
        said += supervisor.stdout.read()
        _release(supervisor)
        raise WordPressUnavailable(f"A server of the test site did not start. {said}")
    return supervisor


def _release(supervisor: "subprocess.Popen[str]") -> None:
    for pipe in (supervisor.stdin, supervisor.stdout):
        if pipe is not None:
            pipe.close()
    supervisor.wait(_START_S)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port
