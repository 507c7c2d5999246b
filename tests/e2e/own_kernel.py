#!/usr/bin/env python3
"""own_kernel.py BUILD [CASE...]: faults on a machine with a kernel of its own, a guest of QEMU reached as a user's own host.

Needs root, qemu-system-x86_64, the image riven-node-etcd:bookworm and the network for the guest's kernel. The guest is made
once, in BUILD/guest; it boots in a quarter of a minute (TCG).
"""
import glob
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

BUILD = os.path.abspath(sys.argv[1])
GUEST = os.path.join(BUILD, "guest")
TAP = f"rvg{os.getpid()}"[:15]
HERE, THERE = "198.18.250.1", "198.18.250.2"
DOCKERFILE = """FROM riven-node-etcd:bookworm
RUN apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
linux-image-cloud-amd64 systemd-sysv systemd-timesyncd dbus udev kmod
"""
NETWORK = f"[Match]\nName=en* eth*\n[Network]\nAddress={THERE}/30\n"
WANTED = ("ssh", "systemd-networkd", "systemd-timesyncd")
MASKED = ("apt-daily.timer", "apt-daily-upgrade.timer", "e2scrub_all.timer", "dpkg-db-backup.timer", "etcd.service",
          "systemd-networkd-wait-online.service")


def sh(*argv, timeout_s=60, **more):
    return subprocess.run(argv, check=True, capture_output=True, text=True, timeout=timeout_s, **more).stdout


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def make_guest():
    if os.path.exists(GUEST + "/disk.img"):
        return
    shutil.rmtree(GUEST, ignore_errors=True)
    root = GUEST + "/root"
    os.makedirs(root)
    write(GUEST + "/context/Dockerfile", DOCKERFILE)
    sh("docker", "build", "--network", "host", "-t", "riven-guest:bookworm", GUEST + "/context", timeout_s=600)
    container = sh("docker", "create", "riven-guest:bookworm").strip()
    try:
        sh("sh", "-c", f"docker export {container} | tar -C {root} -xf -", timeout_s=300)
    finally:
        sh("docker", "rm", container)
    os.remove(root + "/.dockerenv")  # systemd would take the guest for a container
    sh("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", GUEST + "/key")
    sh("ssh-keygen", "-A", "-f", root)
    with open(GUEST + "/key.pub", encoding="utf-8") as file:
        write(root + "/root/.ssh/authorized_keys", file.read())
    os.chmod(root + "/root/.ssh/authorized_keys", 0o600)
    with open(root + "/etc/ssh/ssh_host_ed25519_key.pub", encoding="utf-8") as file:
        write(GUEST + "/known_hosts", f"{THERE} {file.read()}")
    write(root + "/etc/systemd/network/guest.network", NETWORK)
    write(root + "/etc/hostname", "guest\n")
    for unit in WANTED:
        link = f"{root}/etc/systemd/system/multi-user.target.wants/{unit}.service"
        if not os.path.lexists(link):
            os.symlink(f"/lib/systemd/system/{unit}.service", link)
    for unit in MASKED:
        sh("ln", "-sf", "/dev/null", f"{root}/etc/systemd/system/{unit}")
    for name in ("vmlinuz", "initrd.img"):
        shutil.copy(glob.glob(f"{root}/boot/{name}-*")[0], f"{GUEST}/{name}")
    sh("truncate", "-s", "2G", GUEST + "/new.img")
    sh("mke2fs", "-q", "-F", "-t", "ext4", "-d", root, GUEST + "/new.img", timeout_s=300)
    shutil.rmtree(root)
    os.rename(GUEST + "/new.img", GUEST + "/disk.img")


class OwnKernel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        make_guest()
        cls.folder = tempfile.mkdtemp(prefix="riven-own-kernel-")
        sh("ip", "tuntap", "add", TAP, "mode", "tap")
        cls.addClassCleanup(sh, "ip", "link", "del", TAP)
        sh("ip", "address", "add", HERE + "/30", "dev", TAP)
        sh("ip", "link", "set", TAP, "up")
        sh("cp", "--sparse=always", GUEST + "/disk.img", cls.folder + "/disk.img")
        cls.guest = subprocess.Popen(
            ["qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-m", "768", "-smp", "2", "-nographic",
             "-nodefaults", "-serial", f"file:{cls.folder}/console.log", "-kernel", GUEST + "/vmlinuz", "-initrd",
             GUEST + "/initrd.img", "-append", "root=/dev/vda rw console=ttyS0 net.ifnames=0", "-drive",
             f"file={cls.folder}/disk.img,if=virtio,format=raw,cache=unsafe", "-netdev",
             f"tap,id=n,ifname={TAP},script=no,downscript=no", "-device", "virtio-net-pci,netdev=n"], stdin=subprocess.DEVNULL)
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.addClassCleanup(cls.guest.wait)
        cls.addClassCleanup(cls.guest.kill)
        deadline = time.monotonic() + 300  # a quarter of a minute where nothing else runs
        while time.monotonic() < deadline:
            try:
                cls.ssh("true")
                break
            except (subprocess.SubprocessError, OSError):
                time.sleep(1)
        write(cls.folder + "/plain.toml", cls.inventory(""))
        write(cls.folder + "/hosts.toml", cls.inventory("may_reboot = true\nmay_set_clock = true\n"))

    @classmethod
    def inventory(cls, more):
        return f'[[node]]\naddress = "{THERE}"\nkey = "{GUEST}/key"\nknown_hosts = "{GUEST}/known_hosts"\n{more}'

    @classmethod
    def ssh(cls, command, timeout_s=20, **more):
        return sh("ssh", "-q", "-i", GUEST + "/key", "-o", f"UserKnownHostsFile={GUEST}/known_hosts", "-o", "ConnectTimeout=2",
                  "root@" + THERE, command, timeout_s=timeout_s, **more)

    def run_riven(self, *arguments, nodes="hosts.toml"):
        done = subprocess.run([BUILD + "/riven", "run", "--results", self.folder + "/results", "--db", "etcd", "--nodes-file",
                               f"{self.folder}/{nodes}", "--concurrency", "2", *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=400, check=False)
        faults = []
        found = sorted(glob.glob(self.folder + "/results/*/2*/faults.jsonl"), key=os.path.getmtime)
        if found and done.returncode in (0, 1, 2):
            with open(found[-1], encoding="utf-8") as file:
                faults = [json.loads(line) for line in file]
        return done.returncode, done.stdout + done.stderr, faults

    def offset_s(self):
        """How far the guest's clock is before this machine's, by a look of our own."""
        before = time.time()
        there = float(self.ssh("date +%s.%N"))
        return there - (before + time.time()) / 2

    def test_links_by_netem_and_by_the_emulator_are_the_same(self):
        state = "tc qdisc show; ip -o link | cut -d: -f2; nft list ruleset"
        before = self.ssh(state)
        done = subprocess.run([BUILD + "/riven", "doctor", "--json", "--nodes-file", self.folder + "/plain.toml"], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(json.loads(done.stdout)["n1"]["facts"]["link"], "netem", done.stdout + done.stderr)
        self.assertEqual(self.ssh(state), before)
        # The test program makes its nodes of network namespaces in there, and measures with datagrams of its own.
        programs = [BUILD + "/riven-agent", BUILD + "/tests/test_agent"]
        with subprocess.Popen(["tar", "-cPf", "-", *programs], stdout=subprocess.PIPE) as tar:
            self.ssh("tar -C / -xPf -", timeout_s=120, stdin=tar.stdout)
        told = self.ssh(f"RIVEN_NETEM=required {programs[1]} '[netem]' 2>&1; echo exit code $?", timeout_s=400)
        print(told)
        self.assertIn("exit code 0", told)
        self.assertEqual(self.ssh(state), before)

    def test_without_leave_nothing_is_done_to_a_machine(self):
        for fault, key in (("reboot", "may_reboot"), ("machine-clock", "may_set_clock")):
            code, out, _ = self.run_riven("--faults", fault, "--time-limit", "5s", nodes="plain.toml")
            self.assertEqual(code, 3, out)
            self.assertIn(f"{key} = true", out)
        self.assertEqual(self.ssh("systemctl is-active systemd-timesyncd").strip(), "active")

    def test_a_machine_is_rebooted_and_its_database_comes_back(self):
        boot = self.ssh("cat /proc/sys/kernel/random/boot_id")
        code, out, faults = self.run_riven("--faults", "reboot", "--interval", "5s", "--time-limit", "60s")
        self.assertEqual(code, 0, out)
        self.assertTrue([fault for fault in faults if fault["ended"] and fault["took_effect"]], out)
        self.assertNotEqual(self.ssh("cat /proc/sys/kernel/random/boot_id"), boot)

    def test_a_machine_s_clock_goes_wrong_and_is_right_again(self):
        right_s = self.offset_s()
        for word, option, least_s, most_s in (("jump", "offset-ms=3600000", 3590, 3610), ("jump", "offset-ms=-60000", -61, -59),
                                              ("drift", "ppm=50000", 0.02, 2), ("drift", "ppm=-300000", -9, -0.1),
                                              ("strobe", "delta-ms=2000", None, None)):
            code, out, faults = self.run_riven("--faults", f"machine-clock:{word}", "--fault-opt", option, "--interval", "4s",
                                               "--time-limit", "14s", "--workload", "register")
            self.assertEqual(code, 0, out)
            ended = [fault for fault in faults if fault["ended"]]
            self.assertTrue(ended and all(fault["took_effect"] for fault in ended), faults)
            lasting = [fault for fault in ended if fault["end_ns"] - fault["begin_ns"] > 1e9]  # the run's end may cut the last one
            self.assertTrue(lasting, faults)
            for fault in ended:
                self.assertLess(abs(fault["undone"]["healed-ms"]["n1"]), 5, fault)
                if least_s is not None and fault in lasting:
                    self.assertTrue(least_s < fault["undone"]["offsets-ms"]["n1"] / 1000 < most_s, fault)
            self.assertLess(abs(self.offset_s() - right_s), 1.5)
            self.assertEqual(self.ssh("systemctl is-active systemd-timesyncd").strip(), "active")

    def test_a_machine_s_clock_is_right_again_when_the_controller_dies(self):
        right_s = self.offset_s()
        process = subprocess.Popen([BUILD + "/riven", "fault", "machine-clock", "jump", "offset-ms=600000", "--for",
                                    "60s", "--nodes-file", self.folder + "/hosts.toml"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        deadline = time.monotonic() + 30
        while abs(self.offset_s() - right_s) < 500 and time.monotonic() < deadline:
            time.sleep(0.5)
        self.assertGreater(self.offset_s() - right_s, 590)
        process.kill()
        deadline = time.monotonic() + 20
        while abs(self.offset_s() - right_s) > 2 and time.monotonic() < deadline:
            time.sleep(0.5)
        self.assertLess(abs(self.offset_s() - right_s), 2)
        self.assertEqual(self.ssh("systemctl is-active systemd-timesyncd").strip(), "active")


if __name__ == "__main__":
    if shutil.which("qemu-system-x86_64") is None:
        print("skipped: no qemu-system-x86_64 (package qemu-system-x86)")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1] + sys.argv[2:], verbosity=2)
