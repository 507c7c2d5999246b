"""tests/run [--quick | --nightly] [STEP...]

  --quick    the unit tests in the release build alone: no sanitizer, no container
  --nightly  everything, then clang, clang-tidy, the fuzzers, the long brute-force searches and 20 rounds of the real thing
  --list     the names of the steps
  STEP...    these steps only

One line a step with its time. Of a step that fails the end of its log is shown; all of it is in build/logs. The last line is
"N passed, N failed[, N skipped]", counting test cases and other checks. Exit code 0 when nothing failed. With CI set, a
Docker Engine that was started here is stopped at the end.
"""
import collections
import glob
import os
import re
import signal
import subprocess
import sys
import time

Step = collections.namedtuple("Step", "name limit_s command")
FAILURE = re.compile(r"FAILED:$|^(FAIL|ERROR): |^Traceback |Sanitizer: |: error: |runtime error: |due to a fatal error")
SKIPPED = 77  # a step's exit code for "cannot be judged here"

BUILD = "cmake --preset {0} && cmake --build --preset {0} --target "
CTEST = "ctest --test-dir build/{0} --output-on-failure --no-tests=error "


def built_and_tested(preset, targets, which):
    return BUILD.format(preset) + targets + " && " + CTEST.format(preset) + which


STEPS = [
    Step("engine", 120, "docker/start-engine"),
    # Another version of clang-format lays the same text out otherwise.
    Step("format", 120, "if ! clang-format --version | grep -q 'version 14[.]'; then exit 77; fi; "
                        "git ls-files -z -- '*.h' '*.cpp' | xargs -0 clang-format --dry-run -Werror"),
    Step("release", 1200, BUILD.format("release") + "riven riven-agent docker_tests"),
    Step("house", 1800, CTEST.format("release") + "-j1 -L house"),
    Step("image", 900, "docker/build-image etcd && docker/build-image postgresql"),
    Step("docker", 1200, CTEST.format("release") + "-j2 -L docker"),
    Step("asan", 1500, built_and_tested("asan", "unit_tests", "-j2 -L 'unit|sim'")),
    Step("tsan", 1200, built_and_tested("tsan", "thread_tests", "-j1 -L threads")),
]
QUICK = [
    Step("unit", 1500, built_and_tested("release", "unit_tests", "-j2 -L 'unit|sim'")),
]
NIGHTLY = [
    Step("all", 3600, BUILD.format("release") + "all"),
    Step("clang", 3600, built_and_tested("clang", "all", "-j2 -L 'unit|sim'")),
    Step("clang_tidy", 7200, "run-clang-tidy -quiet -p build/clang \"^$PWD/(harness|checkers|nemesis|workloads)/\""),
    Step("fuzz", 3600, BUILD.format("fuzz") + "fuzzers && tests/fuzz/run build/fuzz 60"),
    Step("brute_force", 7200, "RIVEN_NIGHTLY=1 " + CTEST.format("release") + "-j2 --timeout 3600 -L 'unit|sim'"),
    Step("own_kernel", 1800, "python3 -B tests/e2e/own_kernel.py build/release"),
    Step("java", 600, "build/release/tests/test_agent \"Java's clocks*\""),
    Step("link_bars", 300, "build/release/tests/test_agent '[.bars]'"),
    Step("clock_cycles", 1800, "docker/build-image zookeeper && build/release/tests/test_docker '[.cycles]'"),
    Step("rounds", 14400, "docker/build-image redis && docker/build-image mariadb && RIVEN_NIGHTLY=1 " + CTEST.format("release") + "-j1 --timeout 14400 -L docker"),
]


class Score:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed" + (f", {self.skipped} skipped" if self.skipped else "")

    def add_ctest(self, output, log):
        """Adds up ctest's programs, by the test cases that each reports where it is one of Catch2's."""
        skipped = re.findall(r"Test +#\d+: (\S+) \.+\*\*\*Skipped", output)
        for entry in re.split(r"^\d+/\d+ Testing: ", log, flags=re.M)[1:]:
            passed = sum(int(n) for n in re.findall(r"^All tests passed \(.* in (\d+) test cases?\)", entry, re.M))
            summary = re.search(r"^test cases: +\d+ \|(.*)$", entry, re.M)
            failed = 0
            if summary:
                passed += sum(int(n) for n in re.findall(r"(\d+) passed", summary.group(1)))
                failed += sum(int(n) for n in re.findall(r"(\d+) failed(?! as)", summary.group(1)))
            if entry.split("\n", 1)[0] in skipped:
                self.skipped += 1
            elif "\nTest Passed.\n" in entry:
                self.passed += max(passed, 1)
            else:
                self.passed += passed
                self.failed += max(failed, 1)
        return "% tests passed, " in output


def run_bounded(command, limit_s, log_path):
    """The command's exit code, or None when it had to be ended; its output goes to log_path."""
    with open(log_path, "wb") as log:
        process = subprocess.Popen(["bash", "-c", command], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                   start_new_session=True)
        try:
            return process.wait(limit_s)
        except subprocess.TimeoutExpired:
            return None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def read(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def telling(lines):
    """What says why: the neighbourhood of each failure, then how it ended."""
    marks = [i for i, line in enumerate(lines) if FAILURE.search(line)]
    near = sorted({j for i in marks[:20] for j in range(i - 6, i + 14) if 0 <= j < len(lines) - 8})
    return [lines[j] for j in near[:200]] + lines[-8:]


def run_step(step, score):
    log_path = f"build/logs/{step.name}.log"
    for old in glob.glob("build/*/Testing/Temporary/LastTest.log*"):
        os.remove(old)
    begin = time.monotonic()
    print(f"{step.name:<12}", end=" ", flush=True)
    status = run_bounded(step.command, step.limit_s, log_path)
    took = f"{time.monotonic() - begin:5.0f} s"
    before = score.failed, score.passed
    output = read(log_path)
    logs = [read(path) for path in glob.glob("build/*/Testing/Temporary/LastTest.log*")]
    counted = status != SKIPPED and any([score.add_ctest(output, log) for log in logs])
    if status == SKIPPED:
        score.skipped += 1
        print(f"skipped  {took}")
        return
    if status == 0:
        if not counted:
            score.passed += 1
        print(f"passed   {took}" + (f"   {score.passed - before[1]} cases" if counted else ""))
        return
    if score.failed == before[0]:
        score.failed += 1
    print(f"FAILED   {took}" + ("   still running: ended" if status is None else f"   exit code {status}"))
    for line in telling(output.splitlines()):
        print(f"  | {line}")
    print(f"  | the whole log: {os.path.abspath(log_path)}")


def environment():
    os.environ.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")
    os.environ.setdefault("TSAN_OPTIONS", "halt_on_error=1")
    for folder in os.environ["PATH"].split(":"):
        if os.access(os.path.join(folder, "ccache"), os.X_OK):
            os.environ.setdefault("CMAKE_CXX_COMPILER_LAUNCHER", "ccache")
            os.environ.setdefault("CCACHE_SLOPPINESS", "pch_defines,time_macros")


def chosen_steps(arguments):
    every = STEPS + QUICK + NIGHTLY
    if not arguments:
        return STEPS
    if arguments == ["--quick"]:
        return QUICK
    if arguments == ["--nightly"]:
        return STEPS + NIGHTLY
    names = [step.name for step in every]
    if arguments == ["--list"]:
        print("\n".join(names))
        sys.exit(0)
    if not all(argument in names for argument in arguments):
        print(__doc__)
        sys.exit(0 if arguments == ["--help"] else 64)
    return [step for step in every if step.name in arguments]


def main(arguments):
    steps = chosen_steps(arguments)
    os.makedirs("build/logs", exist_ok=True)
    environment()
    score = Score()
    engine_ran = subprocess.run("timeout 20 docker info", shell=True, capture_output=True, check=False).returncode == 0
    try:
        for step in steps:
            run_step(step, score)
    finally:
        if os.environ.get("CI") and not engine_ran:
            subprocess.run(["docker/start-engine", "--stop"], check=False)
    print(score)
    return 1 if score.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
