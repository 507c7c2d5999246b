#!/usr/bin/env python3
"""postgresql_commit_race.py [IMAGE] [--without-holding]: shows, without `riven`, the race in PostgreSQL's SERIALIZABLE that `riven run` found (docs/findings.md).

Needs root, gdb and an image of docker/build-image postgresql. The backend of T3 is held where its changes are visible and its
commit is not yet entered among the serializable transactions; then T2 commits. Exit code 0: all three committed (the race is
there), 1: one was refused, as it ought to be (or with --without-holding, where PostgreSQL has to refuse).
"""
import glob
import os
import re
import subprocess
import sys

IMAGE = next((word for word in sys.argv[1:] if not word.startswith("-")), "riven-node-postgresql:bookworm")
NAME = f"riven-commit-race-{os.getpid()}"
START = """bin=$(ls -d /usr/lib/postgresql/*/bin); mkdir -p /d /run/postgresql; chown postgres /d /run/postgresql; cd /
as() { setpriv --reuid=postgres --regid=postgres --init-groups -- "$@"; }
as "$bin/initdb" -D /d -A trust >/dev/null && as "$bin/pg_ctl" -D /d -l /tmp/log -w start >/dev/null"""


def docker(*arguments):
    subprocess.run(["docker", *arguments], stdout=subprocess.DEVNULL, timeout=60, check=True)


def await_line(stream, word):
    for line in stream:
        if word in line:
            return
    sys.exit(f"gdb ended before it said '{word}'")


class Session:
    """One psql; what it is told is printed with its answer."""

    def __init__(self, name):
        self.name = name
        self.psql = subprocess.Popen(["docker", "exec", "-i", NAME, "psql", "-XqAt", "-U", "postgres"], stdin=subprocess.PIPE,
                                     stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)

    def send(self, statement):
        self.psql.stdin.write(statement + ";\n\\echo =end=\n")

    def answer(self):
        lines = []
        for line in self.psql.stdout:
            if line.strip() == "=end=":
                return " ".join(lines)
            lines.append(line.strip())
        sys.exit(f"{self.name} ended: {lines}")

    def do(self, statement):
        self.send(statement)
        told = self.answer()
        print(f"{self.name}: {statement:94} {told}", flush=True)
        return told

    def host_pid(self):
        inside = self.do("SELECT pg_backend_pid()")
        for path in glob.glob("/proc/[0-9]*/status"):
            try:
                with open(path, encoding="utf-8") as file:
                    status = file.read()
            except OSError:
                continue
            pids = re.search(r"^NSpid:\s+\d+\s+(\d+)$", status, re.M)
            if pids and pids.group(1) == inside and status.startswith("Name:\tpostgres\n"):
                return path.split("/")[2]
        sys.exit("no backend of T3 in /proc")


def append(key, value):
    return f"INSERT INTO kv AS l VALUES ({key}, '{value}') ON CONFLICT (k) DO UPDATE SET v = l.v || EXCLUDED.v"


def race(held):
    t1, t2, t3 = (Session(name) for name in ("T1", "T2", "T3"))
    t1.do("CREATE TABLE kv (k int PRIMARY KEY, v text)")
    t1.do("INSERT INTO kv SELECT k, 'a' FROM generate_series(1, 2000) k")
    pid = t3.host_pid() if held else None
    for session in (t2, t3):
        session.do("BEGIN ISOLATION LEVEL SERIALIZABLE")
    t3.do(append(97, ",T3"))
    t2.do(append(96, ",T2"))
    t2.do("SELECT v FROM kv WHERE k = 97")
    if held:
        gdb = subprocess.Popen(["gdb", "-q", "-nx", "-p", pid, "-ex", f"set sysroot /proc/{pid}/root", "-ex", "set pagination off",
                                "-ex", "break ReleasePredicateLocks", "-ex", "continue"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1)
        await_line(gdb.stdout, "Continuing")
        t3.send("COMMIT")
        await_line(gdb.stdout, "Breakpoint 1,")
        print("T3: COMMIT                           visible to others from here on, held at ReleasePredicateLocks")
    else:
        t3.do("COMMIT")
    t1.do("BEGIN ISOLATION LEVEL SERIALIZABLE")
    t1.do(append(97, ",T1"))
    t1.do("SELECT v FROM kv WHERE k = 97")
    t2.do("COMMIT")
    if held:
        gdb.communicate("delete\ndetach\nquit\n", timeout=20)
        print("T3: goes on", t3.answer())
    read = t1.do("SELECT v FROM kv WHERE k = 96")
    t1.do("COMMIT")
    t1.do("SELECT * FROM kv WHERE k IN (96, 97) ORDER BY k")
    print(t1.do("SELECT version()"))
    return not read.startswith("ERROR")


if __name__ == "__main__":
    docker("run", "-d", "--rm", "--network", "none", "--name", NAME, IMAGE, "sleep", "300")
    try:
        docker("exec", NAME, "sh", "-c", START)
        all_committed = race(held="--without-holding" not in sys.argv)
    finally:
        docker("rm", "-f", NAME)
    print("all three committed: T1 < T2 < T3 < T1" if all_committed else "refused, as it ought to be")
    sys.exit(0 if all_committed else 1)
