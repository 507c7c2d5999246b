#!/usr/bin/env python3
"""living_faults.py BUILD [CASE...]: each kind of fault by `riven fault` on a living etcd in containers. What it does is measured
past the agent, by `docker exec` and by connections of our own; then it is healed, twice, and nothing may be left; and once more
it goes with its controller, which is killed."""
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

BUILD = os.path.abspath(sys.argv[1])
RIVEN = os.path.join(BUILD, "riven")
NODES = ("n1", "n2", "n3")
FAULTS = "clock,cpu,disk,fd-limit,kill,link,membership,memory,partition,pause,reboot,restart,stop"
LEASE_S = 10
# What a node must look like when nothing is broken there: every word is one thing that was left.
LEFT = r"""
ls -d /var/lib/riven/snapshot-* /var/lib/riven/rehearsal-* 2>/dev/null
ls -A /var/lib/riven/ledger /var/lib/riven/lock | grep -v '^/var\|^$'
grep riven: /proc/mounts
for p in /proc/[0-9]*; do
  name=$(cat $p/comm 2>/dev/null) || continue
  case $name in riven-hog|riven-disk) echo "$name";; esac
  [ "$name" = etcd ] || continue
  [ "$(cut -d' ' -f3 $p/stat)" = T ] && echo stopped
  [ "$(cat $p/oom_score_adj)" = 0 ] || echo oom_score_adj
  grep -q '^Max open files *\([0-9]*\) *\1 ' $p/limits || echo limit
  grep -q 'xp 00000000 00:00 0 *$' $p/maps && echo lens
done
"""


def riven(*arguments, timeout_s=180):
    return subprocess.run([RIVEN, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s,
                          check=False)


class LivingFaults(unittest.TestCase):
    agent = "node"
    thorough = True

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.cluster = f"living-{cls.agent}-{os.getpid()}"
        cls.addClassCleanup(riven, "cluster", "down", "--name", cls.cluster)
        done = riven("cluster", "up", "--db", "etcd", "--nodes", "3", "--name", cls.cluster, "--faults", FAULTS,
                     "--agent", cls.agent)
        assert done.returncode == 0, done.stderr
        done = riven("run", "--results", cls.folder.name, "--db", "etcd", "--cluster", cls.cluster, "--time-limit", "1s",
                     "--leave-running")
        assert "left running" in done.stdout + done.stderr or done.returncode in (0, 2), done.stdout + done.stderr
        spec = json.loads(riven("cluster", "status", "--json", "--name", cls.cluster).stdout)
        cls.address = {node["name"]: node["address"] for node in spec["nodes"]}

    def inside(self, node, script):
        done = subprocess.run(["docker", "exec", f"riven-{self.cluster}-{node}", "bash", "-c", script], capture_output=True,
                              text=True, timeout=60, check=False)
        return done.stdout.split()

    def pid(self, node):
        return self.inside(node, "pidof etcd")

    def post(self, node, path, body):
        request = urllib.request.Request(f"http://{self.address[node]}:2379/v3/{path}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=10) as reply:
            return json.load(reply)

    def members(self, node):
        """Ids of the members as `node` itself knows them, by name."""
        try:
            return {member.get("name", "?"): member["ID"] for member in self.post(node, "cluster/member/list", {})["members"]}
        except (OSError, KeyError):
            return {}

    def answers(self, node, wait_s=2.0):
        """Whether etcd takes a new connection and answers on it."""
        try:
            with socket.create_connection((self.address[node], 2379), timeout=wait_s) as line:
                line.settimeout(wait_s)
                line.sendall(b"GET /version HTTP/1.0\r\n\r\n")
                return b"etcdserver" in line.recv(4096)
        except OSError:
            return False

    def hears(self, sender, receiver, wait_s=0.3):
        """Whether `sender` reaches the peer port of `receiver` (it needs both ways)."""
        script = f"timeout {wait_s} bash -c 'exec 3<>/dev/tcp/{self.address[receiver]}/2380' 2>/dev/null && echo yes"
        return self.inside(sender, script) == ["yes"]

    def share_stopped(self, node):
        script = "p=$(pidof etcd); for i in $(seq 60); do cut -d' ' -f3 /proc/$p/stat; sleep 0.023; done"
        states = self.inside(node, script)
        return states.count("T") / len(states)

    def memory(self, node, key):
        words = self.inside(node, "cat /sys/fs/cgroup/memory/memory.stat /sys/fs/cgroup/memory/memory.oom_control "
                                  "/sys/fs/cgroup/memory.stat /sys/fs/cgroup/memory.events 2>/dev/null")
        return int(words[words.index(key) + 1])

    def eventually(self, holds, wait_s=15, why=""):
        deadline = time.monotonic() + wait_s
        while not holds():
            self.assertLess(time.monotonic(), deadline, why)
            time.sleep(0.1)

    def begin(self, words):
        process = subprocess.Popen([RIVEN, "fault", *words.split(), "--for", "90s", "--json", "--cluster", self.cluster],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        first = process.stdout.readline()
        self.assertTrue(first, process.stderr.read() if not first else "")
        return process, json.loads(first)["value"]

    def end(self, process):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 0, out + err)
        healed = json.loads(out.splitlines()[-1])["value"]
        self.assertTrue(healed["took_effect"], healed)
        return healed

    def nothing_is_left(self):
        for _ in range(2):
            done = riven("heal", "--json", "--cluster", self.cluster)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual({name: faults for name, faults in json.loads(done.stdout).items() if faults}, {})
        for node in NODES:
            self.eventually(lambda node=node: self.answers(node), 20, f"{node} does not answer")
            self.assertEqual(self.inside(node, LEFT), [], node)

    def check(self, words, bites, heals=None, goes_with_controller=True):
        """`bites` holds while the fault lasts and not afterwards, when `heals` holds (by default: it does not bite)."""
        heals = heals or (lambda: not bites())
        process, _ = self.begin(words)
        self.eventually(bites, 5, f"{words} does not bite")
        healed = self.end(process)
        self.eventually(heals, 10, f"{words} is not healed")
        if self.thorough or not goes_with_controller:
            self.nothing_is_left()
        if goes_with_controller:
            process, _ = self.begin(words)
            self.eventually(bites, 5, f"{words} does not bite")
            process.kill()
            process.wait()
            self.eventually(heals, LEASE_S + 2, f"{words} outlives its controller")
            self.nothing_is_left()
        return healed

    def test_kill(self):
        self.check("kill n2", lambda: self.pid("n2") == [], goes_with_controller=False)

    def test_stop(self):
        self.check("stop n2", lambda: self.pid("n2") == [], goes_with_controller=False)

    def test_restart_storm(self):
        before = self.pid("n2")
        healed = self.check("restart storm nodes=n2", lambda: self.pid("n2") not in (before, []), lambda: self.answers("n2"),
                            goes_with_controller=False)
        self.assertEqual(healed["restarts"], 5)

    def test_reboot(self):
        started = "docker inspect -f {{.State.StartedAt}} riven-" + self.cluster + "-n3"
        before = subprocess.run(started.split(), capture_output=True, text=True, check=True).stdout
        self.check("reboot n3", lambda: subprocess.run(started.split(), capture_output=True, text=True, check=True).stdout
                   != before, lambda: self.answers("n3"), goes_with_controller=False)

    def test_pause(self):
        self.check("pause n2", lambda: self.share_stopped("n2") == 1.0)

    def test_cpu(self):
        process, _ = self.begin("cpu 20 nodes=n2")
        self.eventually(lambda: self.share_stopped("n2") > 0, 5)
        shares = sorted(self.share_stopped("n2") for _ in range(3))
        print(f"cpu 20: stood still for {shares} of the time", file=sys.stderr)
        self.assertTrue(0.6 < shares[1] < 0.95, shares)
        self.end(process)
        self.check("cpu 20 nodes=n2", lambda: self.share_stopped("n2") > 0)

    def test_memory_pressure(self):
        limit = 512 << 20
        key = "total_rss" if self.inside("n2", "ls /sys/fs/cgroup/memory") else "anon"
        self.check("memory pressure nodes=n2 leave-mb=48", lambda: limit - self.memory("n2", key) < 64 << 20)
        self.assertTrue(self.answers("n2"))

    def test_out_of_memory(self):
        kills, before = self.memory("n2", "oom_kill"), self.pid("n2")
        self.check("memory oom nodes=n2", lambda: self.memory("n2", "oom_kill") > kills and self.pid("n2") != before,
                   lambda: self.answers("n2"), goes_with_controller=False)

    def test_fd_limit(self):
        self.check("fd-limit n2", lambda: not self.answers("n2", 0.7))

    def test_partition(self):
        self.check("partition --isolate n1", lambda: not self.hears("n2", "n1") and self.hears("n2", "n3"))

    def test_partition_that_refuses_one_port(self):
        def refused():
            began = time.monotonic()
            return not self.hears("n2", "n1", 9) and time.monotonic() - began < 5
        self.check("partition --isolate n1 verdict=reject port=2380", refused)
        self.assertTrue(self.answers("n1"))

    def test_flapping_partition(self):
        def flaps():
            heard = [self.hears("n2", "n1") for _ in range(12)]
            return 2 <= heard.count(True) <= 10
        self.check("partition --isolate n1 flap-ms=700", flaps, lambda: all(self.hears("n2", "n1") for _ in range(12)))

    def test_lossy_partition_one_way(self):
        def arrived(sender, receiver, count=400):
            """How many of `count` datagrams reach the receiver's kernel, which has no program for them."""
            strays = "awk '/^Udp:/ {n = $3} END {print n}' /proc/net/snmp"
            before = int(self.inside(receiver, strays)[0])
            self.inside(sender, f"for i in $(seq {count}); do echo >/dev/udp/{self.address[receiver]}/9999; done 2>/dev/null")
            time.sleep(0.2)
            return (int(self.inside(receiver, strays)[0]) - before) / count

        def thinned():
            through, back = arrived("n2", "n1"), arrived("n1", "n2")
            print(f"partition percent=30 one way: {through} came through, {back} the other way", file=sys.stderr)
            return 0.6 < through < 0.8 and back > 0.99
        healed = self.check("partition from=n2 to=n1 percent=30", thinned, lambda: arrived("n2", "n1") > 0.99)
        self.assertEqual(list(healed["dropped"]), ["n2->n1"])

    def test_link(self):
        def late():
            script = (f"a=$(date +%s%N); exec 3<>/dev/tcp/{self.address['n1']}/2380; b=$(date +%s%N); echo $(((b - a) / 1000000))")
            return min(int(self.inside("n2", script)[0]) for _ in range(3))
        self.check("link nodes=n1 delay-ms=60", lambda: late() >= 115, lambda: late() < 40)

    def test_clock(self):
        lens = "grep 'xp 00000000 00:00 0 *$' /proc/$(pidof etcd)/maps"
        self.check("clock jump offset-ms=3600000 nodes=n2", lambda: self.inside("n2", lens) != [])

    def test_membership(self):
        everyone = list(NODES)
        before = self.members("n1")
        healed = self.check("membership n2", lambda: sorted(self.members("n1")) == sorted(self.members("n3")) == ["n1", "n3"],
                            lambda: all(sorted(self.members(node)) == everyone for node in NODES), goes_with_controller=False)
        self.assertNotEqual(self.members("n1")["n2"], before["n2"])  # another member, on an empty disk
        self.assertEqual(healed["views"]["n3"], everyone)
        self.assertIn(["n1", "n3"], [views["n3"] for _, views in healed["series"]])
        # No agent can bring back what left a cluster: `riven heal` does, when the controller was killed.
        process, _ = self.begin("membership n2")
        process.kill()
        process.wait()
        self.assertEqual(sorted(self.members("n1")), ["n1", "n3"])
        done = riven("heal", "--json", "--cluster", self.cluster)
        self.assertEqual([fault["kind"] for fault in json.loads(done.stdout)["n2"]][-1:], ["membership"], done.stdout + done.stderr)
        self.eventually(lambda: all(sorted(self.members(node)) == everyone for node in NODES), 10)
        self.nothing_is_left()
        done = riven("fault", "membership", "majority", "--for", "1s", "--cluster", self.cluster)
        self.assertIn("no majority is left", done.stderr)
        self.assertEqual(sorted(self.members("n1")), everyone)

    def test_disk(self):
        def layered():
            self.post("n2", "kv/put", {"key": "YQ==", "value": "Yg=="})
            return self.inside("n2", "grep riven: /proc/mounts") != []
        # With its controller killed the database would stay over the layer's process until it ends.
        self.check("disk slow nodes=n2", layered, lambda: self.inside("n2", "grep riven: /proc/mounts") == [],
                   goes_with_controller=False)


    @unittest.skipUnless(os.environ.get("RIVEN_NIGHTLY"), "nightly")
    def test_all_nodes_are_struck_within_5_ms(self):
        for words in ("partition halves", "link nodes=all delay-ms=20", "pause all", "cpu 50 nodes=all", "fd-limit all",
                      "memory pressure nodes=all leave-mb=64", "clock jump offset-ms=60000 nodes=all", "stop all", "kill all"):
            spreads = []
            for _ in range(3):
                process, begun = self.begin(words)
                spreads.append(begun["spread-us"])
                process.send_signal(signal.SIGINT)
                process.communicate(timeout=60)
                self.eventually(lambda: all(self.answers(node) for node in NODES), 30)
            print(f"{words}: first to last node {sorted(spreads)} us", file=sys.stderr)
            self.assertLess(sorted(spreads)[1], 5000, words)

    def test_stale_snapshot(self):
        copies = "ls -d /var/lib/riven/snapshot-* 2>/dev/null"

        def revision():
            """How far the node's own store has come, by a read that asks no other."""
            body = {"key": "YQ==", "serializable": True}
            try:
                return int(self.post("n2", "kv/range", body)["header"].get("revision", 0))
            except OSError:
                return -1
        process, begun = self.begin("disk stale-snapshot nodes=n2")
        self.assertNotEqual(self.inside("n2", copies), [])
        self.assertGreater(begun["copied-bytes"], 0)
        before = revision()
        # While n2 is put back nobody writes: what it then has of its own is what the copy had.
        for _ in range(300):
            self.post("n1", "kv/put", {"key": "YQ==", "value": "Yg=="})
        self.eventually(lambda: revision() >= before + 300)
        healed = self.end(process)
        self.assertGreater(healed["stale-files"], 0)
        self.eventually(lambda: self.answers("n2"), 20)
        self.nothing_is_left()
        done = riven("fault", "disk", "stale-snapshot", "nodes=majority", "--for", "1s", "--cluster", self.cluster)
        self.assertIn("a minority of the nodes at most", done.stderr)
        # Its controller killed, the copy goes and nothing is put back.
        process, _ = self.begin("disk stale-snapshot nodes=n2")
        process.kill()
        process.wait()
        self.eventually(lambda: self.inside("n2", copies) == [], LEASE_S + 2)
        riven("fault", "restart", "once", "nodes=all", "--for", "1s", "--cluster", self.cluster)  # ends the layers' processes
        self.nothing_is_left()


class LivingFaultsFromHost(LivingFaults):
    """The same by agents on the host, for containers that have no capability for it; all of it at night."""
    agent = "host"
    thorough = bool(os.environ.get("RIVEN_NIGHTLY"))
    BY_DAY = ("partition", "pause", "kill", "clock", "disk", "link", "memory_pressure")

    def setUp(self):
        if self._testMethodName.removeprefix("test_") not in self.BY_DAY and not self.thorough:
            self.skipTest("nightly")

    def check(self, words, bites, heals=None, goes_with_controller=True):
        for node in NODES:
            rights = subprocess.run(["docker", "inspect", "-f", "{{.HostConfig.CapAdd}}{{.HostConfig.Devices}}",
                                     f"riven-{self.cluster}-{node}"], capture_output=True, text=True, check=True).stdout
            self.assertEqual(rights, "[][]\n", node)
        return super().check(words, bites, heals, goes_with_controller)


def has_image(name):
    return bool(subprocess.run(["docker", "image", "ls", "-q", name], capture_output=True, text=True, check=True).stdout)


class LivingSqlServer(unittest.TestCase):
    """Another process than the one that set the server up starts it again: it learns from the node how."""

    @unittest.skipUnless(has_image("riven-node-postgresql:bookworm"), "no image: docker/build-image postgresql")
    def test_postgresql(self):
        self.kill_and_layer("postgresql", ("kill", "n1"), ("disk", "slow-sync", "nodes=n1"))

    @unittest.skipUnless(has_image("riven-node-mariadb:bookworm"), "no image: docker/build-image mariadb")
    def test_mariadb(self):
        self.kill_and_layer("mariadb", ("kill", "n1"))

    def kill_and_layer(self, database, *faults):
        name = f"living-sql-{os.getpid()}"
        self.addCleanup(riven, "cluster", "down", "--name", name)
        done = riven("cluster", "up", "--db", database, "--nodes", "1", "--name", name, "--faults", "disk")
        self.assertEqual(done.returncode, 0, done.stderr)
        server = {"postgresql": "postgres", "mariadb": "mariadbd"}[database]
        oldest = ["docker", "exec", f"riven-{name}-n1", "pgrep", "-o", "-x", server]
        before = subprocess.run(oldest, capture_output=True, text=True, check=True).stdout
        for words in faults:
            done = riven("fault", *words, "--for", "2s", "--cluster", name)
            self.assertIn(done.returncode, (0, 2), done.stdout + done.stderr)  # an idle disk cannot be slow
            after = subprocess.run(oldest, capture_output=True, text=True, check=False).stdout
            self.assertNotIn(after, ("", before), done.stdout + done.stderr)
            before = after


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
