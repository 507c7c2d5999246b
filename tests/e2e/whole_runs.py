#!/usr/bin/env python3
"""whole_runs.py BUILD [CASE...]: `riven` as a person uses it, against real databases in containers. RIVEN_NIGHTLY: more rounds."""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import types
import unittest

BUILD = os.path.abspath(sys.argv[1])
RIVEN = os.path.join(BUILD, "riven")
ROUNDS = 10 if os.environ.get("RIVEN_NIGHTLY") else 1
# Of power losses: 20 in the nightly round.
POWER_LOSSES = int(os.environ.get("RIVEN_ROUNDS", "20" if ROUNDS > 1 else "1"))
VALID, INVALID, UNKNOWN = 0, 1, 2


def riven(*arguments, timeout_s=180):
    done = subprocess.run([RIVEN, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s,
                          check=False)
    return done.returncode, done.stdout, done.stderr


def docker(*arguments):
    return subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=60, check=True).stdout.split()


def has_image(name):
    return bool(docker("image", "ls", "-q", name))


def agents_of(run):
    """Processes of the agents that the run with this number of a process started, in its containers."""
    found = []
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            with open(path, "rb") as file:
                words = file.read().split(b"\0")
        except OSError:
            continue
        if b"serve" in words and any(word.startswith(b"run-%d-" % run) for word in words):
            found.append(int(path.split("/")[2]))
    return found


def resident_mib(pid):
    try:
        with open(f"/proc/{pid}/statm", encoding="utf-8") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") // 2**20
    except OSError:
        return 0


class WholeRuns(unittest.TestCase):
    def setUp(self):
        self.folder = types.SimpleNamespace(name=tempfile.mkdtemp(prefix="riven-e2e-"))

    def run(self, result=None):
        """What a run left is kept where a test failed: a rare anomaly is worth its history."""
        bad = len(result.failures) + len(result.errors)
        super().run(result)
        folder = getattr(self, "folder", None)
        if folder is None:
            return
        if len(result.failures) + len(result.errors) == bad:
            shutil.rmtree(folder.name, ignore_errors=True)
        else:
            print("kept for a look:", folder.name, file=sys.stderr)

    def run_riven(self, *arguments):
        """Exit code, output and results.json of one `riven run`; nothing of it may be left in the engine."""
        code, out, err = riven("run", "--results", self.folder.name, *arguments)
        reports = sorted(glob.glob(self.folder.name + "/*/2*/results.json"), key=os.path.getmtime)
        self.assertTrue(reports, out + err)
        with open(reports[-1], encoding="utf-8") as file:
            results = json.load(file)
        self.assertTrue(out.rstrip().endswith("report.html"), out + err)
        self.assertTrue(os.path.exists(out.rstrip().splitlines()[-1]), out)
        return code, out + err, results, os.path.dirname(reports[-1])

    def check(self, results, name):
        return next(check for check in results["checks"] if check["name"] == name)

    def test_a_correct_database_stays_valid_under_partitions_that_bite(self):
        for seed in range(1, ROUNDS + 1):
            code, out, results, folder = self.run_riven("--db", "etcd", "--faults", "partition", "--interval", "3s",
                                                        "--time-limit", "15s", "--seed", str(seed))
            self.assertEqual((code, results["verdict"]), (VALID, "valid"), out)
            windows = self.check(results, "vacuity")["details"]["windows"]
            ended = [window for window in windows if window["ended"] and window["end_s"] - window["begin_s"] > 1]
            self.assertTrue(ended and all(window["took_effect"] and window["dropped"] > 0 for window in ended), out)
            again, out, err = riven("check", folder)
            self.assertEqual(again, VALID, out + err)

    @unittest.skipUnless(ROUNDS > 1, "nightly")
    def test_a_correct_database_stays_valid_under_faults_from_the_host(self):
        code, out, results, folder = self.run_riven("--db", "etcd", "--agent", "host", "--faults", "partition,kill,clock,pause",
                                                    "--interval", "2s", "--time-limit", "30s", "--seed", "5")
        self.assertEqual((code, results["verdict"]), (VALID, "valid"), out)
        self.assertIn("--agent host", out)  # in the line that does it again
        with open(folder + "/faults.jsonl", encoding="utf-8") as file:
            faults = [fault for fault in map(json.loads, file) if fault["ended"]]
        self.assertEqual({fault["fault"] for fault in faults}, {"partition", "kill", "clock", "pause"})
        self.assertTrue(all(fault["took_effect"] for fault in faults if fault["fault"] != "partition"), faults)

    def test_a_correct_database_stays_valid_when_the_power_fails(self):
        for seed in range(1, POWER_LOSSES + 1):
            code, out, results, folder = self.run_riven("--db", "etcd", "--nodes", "3", "--faults", "disk:power-loss", "--interval",
                                                        "3s", "--time-limit", "20s", "--seed", str(seed), "--max-broken",
                                                        "minority")
            self.assertEqual((code, results["verdict"]), (VALID, "valid"), out)
            windows = self.check(results, "vacuity")["details"]["windows"]
            proved = [window["took_effect"] for window in windows if "took_effect" in window]  # not where a starved machine's lease ran out
            self.assertTrue(proved and all(proved), out)
            with open(folder + "/faults.jsonl", encoding="utf-8") as file:
                faults = [fault for fault in map(json.loads, file) if isinstance(fault.get("undone"), dict)]
            self.assertTrue(faults and all(fault["undone"]["killed"] > 0 and fault["undone"]["syncs"] > 0 for fault in faults), faults)

    @unittest.skipUnless(ROUNDS > 1 and has_image("riven-node-postgresql:bookworm"), "nightly, and docker/build-image postgresql")
    def test_postgresql_loses_what_it_need_not_sync_and_nothing_else(self):
        common = ("--db", "postgresql", "--nodes", "1", "--workload", "append", "--concurrency", "8", "--faults",
                  "disk:power-loss", "--fault-opt", "nodes=one", "--interval", "4s", "--time-limit", "20s")
        self.loses_only_what_it_may(common, "synchronous-commit=on", "synchronous-commit=off")

    @unittest.skipUnless(has_image("riven-node-redis:bookworm"), "no image: docker/build-image redis")
    def test_redis_stays_valid_when_its_process_is_killed(self):
        code, out, _, _ = self.run_riven("--db", "redis", "--faults", "kill", "--interval", "3s", "--time-limit", "10s", "--seed", "1")
        self.assertEqual(code, VALID, out)

    @unittest.skipUnless(ROUNDS > 1 and has_image("riven-node-redis:bookworm"), "nightly, and docker/build-image redis")
    def test_redis_loses_what_it_need_not_sync_and_nothing_else(self):
        common = ("--db", "redis", "--nodes", "1", "--workload", "register", "--concurrency", "8", "--faults", "disk:power-loss",
                  "--fault-opt", "nodes=one", "--fault-opt", "loss=all", "--interval", "3s", "--time-limit", "10s", "--ops-per-key", "1000000",
                  "--workload-opt", "keys=8", "--workload-opt", "processes-per-key=0", "--rate", "500")
        self.loses_only_what_it_may(common, "appendfsync=always", "appendfsync=no")

    def loses_only_what_it_may(self, common, careful, careless):
        lost, rounds = 0, max(POWER_LOSSES, 3)  # some power fails when there is nothing to lose
        for seed in range(1, rounds + 1):
            code, out, _, _ = self.run_riven(*common, "--db-opt", careful, "--seed", str(seed))
            self.assertEqual(code, VALID, out)
            lost += self.run_riven(*common, "--db-opt", careless, "--seed", str(seed))[0] == INVALID
        print(f"{common[1]}: {careful} lost nothing in {rounds} runs, {careless} something in {lost} of as many", file=sys.stderr)
        self.assertGreater(lost, 0)

    @unittest.skipUnless(ROUNDS > 1, "nightly")
    def test_a_register_stays_valid_while_members_come_and_go(self):
        for seed in range(1, 4):
            code, out, results, folder = self.run_riven("--db", "etcd", "--faults", "membership", "--interval", "5s", "--time-limit",
                                                        "40s", "--max-broken", "minority", "--seed", str(seed))
            self.assertEqual((code, results["verdict"]), (VALID, "valid"), out)
            with open(folder + "/faults.jsonl", encoding="utf-8") as file:
                faults = [fault for fault in map(json.loads, file) if fault["ended"]]
            self.assertTrue(faults and all(fault["took_effect"] and fault["undone"]["series"] for fault in faults), faults)
            schedule = os.path.join(folder, "faults.schedule")
            code, out, _, _ = self.run_riven("--db", "etcd", "--schedule", schedule, "--time-limit", "40s", "--seed", str(seed))
            self.assertEqual(code, VALID, out)

    @unittest.skipUnless(ROUNDS > 1 and has_image("riven-node-postgresql:bookworm"), "nightly, and docker/build-image postgresql")
    def test_postgresql_keeps_its_promises_under_wrong_clocks(self):
        # Who waits for a lock while the clock goes back finds no deadlock until it has caught up (docs/clocks.md): one key then.
        for word, option, length in (("jump", "offset-ms=3600000", 4), ("jump", "offset-ms=-3600000", 1), ("drift", "ppm=1000", 4)):
            code, out, _, folder = self.run_riven("--db", "postgresql", "--nodes", "1", "--workload", "append", "--workload-opt",
                                                  f"max-length={length}", "--concurrency", "8", "--faults", f"clock:{word}",
                                                  "--fault-opt", option, "--fault-opt", "nodes=one", "--interval", "4s",
                                                  "--time-limit", "25s", "--seed", "7")
            self.assertEqual(code, VALID, out)
            with open(folder + "/faults.jsonl", encoding="utf-8") as file:
                faults = [fault for fault in map(json.loads, file) if fault["ended"]]
            self.assertTrue(faults and all(fault["took_effect"] for fault in faults), faults)
            self.assertTrue(all(abs(fault["undone"]["healed-ms"]["n1"]) < 1 for fault in faults), faults)

    @unittest.skipUnless(ROUNDS > 1, "nightly")
    def test_a_storm_of_all_faults_leaves_a_register_valid_and_nothing_else(self):
        seconds = int(os.environ.get("RIVEN_STORM_S", "600"))
        process = subprocess.Popen([RIVEN, "run", "--results", self.folder.name, "--db", "etcd", "--faults", "storm",
                                    "--time-limit", f"{seconds}s", "--seed", "11"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.kill)
        lines = []
        reader = threading.Thread(target=lambda: lines.extend(process.stdout), daemon=True)
        reader.start()
        held = []  # (seconds, controller's MiB, the largest agent's MiB)
        began = time.monotonic()
        while process.poll() is None and time.monotonic() < began + seconds + 300:
            time.sleep(5)
            agents = [resident_mib(pid) for pid in agents_of(process.pid)]
            held.append((round(time.monotonic() - began), resident_mib(process.pid), max(agents, default=0)))
        reader.join(10)
        print("storm: seconds, MiB of the controller, MiB of the largest agent:", held[::max(1, len(held) // 20)], file=sys.stderr)
        self.assertEqual(process.returncode, VALID, "".join(lines[-60:]))
        late = [each for each in held if 60 < each[0] < seconds]
        half = len(late) // 2
        if half:
            for which, most_mib in ((1, 64), (2, 16)):  # what the second half holds more than the first
                self.assertLess(max(each[which] for each in late[half:]) - max(each[which] for each in late[:half]), most_mib, held)
        self.assertEqual(agents_of(process.pid), [])

    def test_a_run_s_own_schedule_does_the_same_again(self):
        common = ("--db", "etcd", "--nodes", "3", "--time-limit", "16s")
        code, out, _, folder = self.run_riven(*common, "--faults", "kill,pause:one", "--interval", "2s", "--max-broken",
                                              "minority", "--seed", "5")
        self.assertEqual(code, VALID, out)
        with open(folder + "/faults.schedule", encoding="utf-8") as file:
            first = [line for line in file if not line.startswith("#")]
        self.assertTrue(first, out)
        code, out, _, folder = self.run_riven(*common, "--schedule", folder + "/faults.schedule", "--seed", "6")
        self.assertEqual(code, VALID, out)
        with open(folder + "/faults.schedule", encoding="utf-8") as file:
            second = [line for line in file if not line.startswith("#")]
        same = re.compile(r"at ([0-9.]+)s (\S+ \S+) for")
        self.assertEqual([same.match(line).group(2) for line in first if same.match(line)],
                         [same.match(line).group(2) for line in second if same.match(line)], first + second)
        for a, b in zip(first, second):
            self.assertLess(abs(float(same.match(a).group(1)) - float(same.match(b).group(1))), 0.5, a + b)

    def test_stale_reads_are_found_and_told_in_a_sentence(self):
        for seed in range(1, ROUNDS + 1):
            code, out, results, _ = self.run_riven("--db", "etcd", "--db-opt", "reads=serializable", "--time-limit", "15s",
                                                   "--seed", str(seed))
            self.assertEqual((code, results["verdict"]), (INVALID, "invalid"), out)
            anomaly = self.check(results, "linearizable")["anomalies"][0]
            self.assertEqual(anomaly["type"], "nonlinearizable")
            self.assertRegex(" ".join(anomaly["sentences"]), r"read")

    def test_an_interrupted_run_still_heals_judges_and_reports(self):
        process = subprocess.Popen([RIVEN, "run", "--results", self.folder.name, "--db", "etcd", "--nodes", "3", "--faults",
                                    "partition", "--interval", "2s", "--time-limit", "60s"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.kill)
        deadline = time.monotonic() + 60
        while not glob.glob(self.folder.name + "/*/2*/history.riven") and time.monotonic() < deadline:
            time.sleep(0.2)
        time.sleep(6)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
        self.assertEqual(process.returncode, UNKNOWN, out)
        self.assertRegex(out, r"UNKNOWN +history: interrupted after .* of 60")
        self.assertTrue(glob.glob(self.folder.name + "/*/2*/report.html"), out)

    def test_a_run_that_never_began_says_so_to_ci(self):
        code, out, err = riven("run", "--results", self.folder.name, "--db", "etcd", "--nodes", "1", "--image", "riven-base:bookworm")
        self.assertEqual(code, 3, out + err)
        (junit,) = glob.glob(self.folder.name + "/*/2*/junit.xml")
        with open(junit, encoding="utf-8") as file:
            self.assertIn("set-up failed", file.read())

    @unittest.skipUnless(os.environ.get("RIVEN_NIGHTLY"), "nightly: a node that is gone costs minutes of time-outs")
    def test_a_node_that_dies_for_good_costs_no_verdict(self):
        process = subprocess.Popen([RIVEN, "run", "--results", self.folder.name, "--db", "etcd", "--nodes", "3", "--faults",
                                    "partition", "--interval", "3s", "--time-limit", "20s"],
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.addCleanup(process.kill)
        deadline = time.monotonic() + 60
        while not glob.glob(self.folder.name + "/*/2*/history.riven") and time.monotonic() < deadline:
            time.sleep(0.2)
        time.sleep(5)
        docker("kill", f"riven-run-{process.pid}-n2")
        out, _ = process.communicate(timeout=300)
        self.assertIn(process.returncode, (VALID, UNKNOWN), out)
        self.assertIn("n2", out)
        self.assertFalse(docker("ps", "-aq", "--filter", f"name=riven-run-{process.pid}-"))

    def test_a_full_disk_is_no_success(self):
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", self.folder.name], capture_output=True).returncode:
            self.skipTest("this machine lets nobody mount a file system")
        self.addCleanup(subprocess.run, ["umount", self.folder.name], check=True)
        code, out, err = riven("run", "--results", self.folder.name, "--db", "etcd", "--nodes", "1", "--time-limit", "20s")
        self.assertEqual(code, 3, out + err)
        self.assertIn("No space left", out + err)
        self.assertNotIn("VALID ", out)

    def test_a_partition_by_hand_on_a_running_cluster(self):
        name = f"e2e-{os.getpid()}"
        self.addCleanup(riven, "cluster", "down", "--name", name)
        code, out, err = riven("cluster", "up", "--db", "etcd", "--nodes", "3", "--name", name, "--faults",
                               "clock,disk,memory,reboot")
        self.assertEqual(code, 0, out + err)
        code, out, err = riven("doctor", "--cluster", name)
        self.assertEqual(code, 0, out + err)
        code, out, err = riven("fault", "partition", "--isolate", "n1", "--for", "2s", "--cluster", name)
        self.assertEqual(code, 0, out + err)
        code, out, err = riven("fault", "pause", "n2", "--for", "1s", "--cluster", name)  # what runs there
        self.assertEqual(code, 0, out + err)
        code, out, err = riven("heal", "--cluster", name)
        self.assertEqual(code, 0, out + err)
        code, out, err = riven("cluster", "down", "--name", name)
        self.assertEqual(code, 0, out + err)

    def tearDown(self):
        # What others run beside us comes and goes; what carries a name of ours must not stay.
        names = docker("ps", "-a", "--format", "{{.Names}}") + docker("network", "ls", "--format", "{{.Name}}")
        left = [name for name in names if re.search(rf"e2e-{os.getpid()}|run-{os.getpid()}", name)]
        self.assertEqual(left, [])


class WrongUse(unittest.TestCase):
    def test_exit_codes(self):
        self.assertEqual(riven("run", "--db", "no-such-database")[0], 64)
        self.assertEqual(riven("check", "/no/such/file")[0], 64)
        for wrong in (("--rate", "-5"), ("--rate", "nan"), ("--seed", "-1"), ("--ops-per-key", "-5"), ("--faults", ""),
                      ("--faults", "kill,"), ("--fault-opt", "x=y"), ("--lease", "1ms"), ("--time-limit", "5x")):
            self.assertEqual(riven("run", "--db", "etcd", *wrong)[0], 64, wrong)
        with tempfile.NamedTemporaryFile("w", suffix=".schedule") as file:
            file.write("at 12s partition isolate n3 for 8s\nat 30s kill n9 for 5s\n")
            file.flush()
            code, out, err = riven("run", "--db", "etcd", "--schedule", file.name)
            self.assertEqual(code, 64)
            self.assertIn(f"{file.name}:2: there is no node 'n9'", out + err)
        self.assertEqual(riven("version")[0], 0)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
