// A Java program with several threads under wrong clocks: asked for by name or tag, and in the nightly round.
#include <cmath>
#include <cstdlib>
#include <fstream>

#include "harness/core/json_fields.h"
#include "nemesis/agent/clock/clock_patch.h"
#include "tests/agent/clock_readers.h"
#include "tests/agent/namespaces.h"

namespace riven::test {
namespace {

/// Prints, every 20 ms: the wall clock and the monotonic clock in nanoseconds, readings, readings that no
/// skew of the test explains, times that the monotonic clock went back, and the longest that a wait for 20 ms
/// took, in milliseconds. Six threads read; one sleeps, one waits on an object, one on a timer.
constexpr const char* kProgram = R"java(
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;

public class Watch {
  static final AtomicLong readings = new AtomicLong(), corrupt = new AtomicLong(), backwards = new AtomicLong();
  static final AtomicLong longest = new AtomicLong();
  static final long base = System.currentTimeMillis() - System.nanoTime() / 1000000;

  static boolean fits(long skewMs) {
    return Math.abs(skewMs) < 1000 || Math.abs(Math.abs(skewMs) - 3600000) < 100;
  }
  static void read() {
    long last = System.nanoTime();
    while (true) {
      long before = System.nanoTime(), wall = System.currentTimeMillis(), after = System.nanoTime();
      if (before < last || after < before) backwards.incrementAndGet();
      last = after;
      if (after - before < 5000000 && !fits(wall - after / 1000000 - base)) corrupt.incrementAndGet();
      readings.incrementAndGet();
      if ((readings.get() & 1023) == 0) Thread.yield();
    }
  }
  interface Wait { void once() throws Exception; }
  static void repeat(Wait wait) {
    try {
      while (true) {
        long before = System.nanoTime();
        wait.once();
        longest.accumulateAndGet((System.nanoTime() - before) / 1000000, Math::max);
      }
    } catch (Exception e) {
      corrupt.incrementAndGet();
    }
  }
  public static void main(String[] arguments) throws Exception {
    for (int i = 0; i < 6; ++i) new Thread(Watch::read).start();
    final Object monitor = new Object();
    final ScheduledExecutorService timer = Executors.newScheduledThreadPool(1);
    new Thread(() -> repeat(() -> Thread.sleep(20))).start();
    new Thread(() -> repeat(() -> { synchronized (monitor) { monitor.wait(20); } })).start();
    new Thread(() -> repeat(() -> timer.schedule(() -> 1, 20, TimeUnit.MILLISECONDS).get())).start();
    while (true) {
      java.time.Instant now = java.time.Instant.now();
      String line = now.getEpochSecond() * 1000000000L + now.getNano() + " " + System.nanoTime() + " " + readings.get() + " "
          + corrupt.get() + " " + backwards.get() + " " + longest.get() + "\n";
      java.nio.file.Path fresh = java.nio.file.Path.of(arguments[0] + ".new");
      java.nio.file.Files.writeString(fresh, line);
      java.nio.file.Files.move(fresh, java.nio.file.Path.of(arguments[0]), java.nio.file.StandardCopyOption.ATOMIC_MOVE);
      Thread.sleep(20);
    }
  }
}
)java";

class JavaWatch {
 public:
  struct Told {
    int64_t wall_ns = 0, monotonic_ns = 0, readings = 0, corrupt = 0, backwards = 0, longest_wait_ms = 0;
  };
  JavaWatch() : name_("rvj" + std::to_string(getpid())) {
    std::ofstream(source()) << kProgram;
    const std::string source_file = source(), told = told_file();
    pid_ = fork();
    if (pid_ != 0) return;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execlp("java", name_.c_str(), "-Xmx64m", source_file.c_str(), told.c_str(), nullptr);
    _exit(127);
  }
  ~JavaWatch() {
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
  }
  JavaWatch(const JavaWatch&) = delete;
  JavaWatch& operator=(const JavaWatch&) = delete;
  const std::string& name() const { return name_; }
  pid_t pid() const { return pid_; }
  bool lives() const { return waitpid(pid_, nullptr, WNOHANG) == 0; }
  Told told() const {
    Told t;
    std::ifstream(told_file()) >> t.wall_ns >> t.monotonic_ns >> t.readings >> t.corrupt >> t.backwards >>
        t.longest_wait_ms;
    return t;
  }
  bool sees(int64_t skew_ns, int64_t near_ns = kNanosPerSecond) const {
    for (int i = 0; i < 10'000; ++i, usleep(1000)) {
      const int64_t off_ns = told().wall_ns - kernel_realtime_ns() - skew_ns;
      if (std::abs(off_ns) < near_ns) return true;
    }
    return false;
  }
  bool has_begun() const {
    for (int i = 0; i < 60'000 && lives(); ++i, usleep(1000)) {
      if (told().readings > 1000) return true;
    }
    return false;
  }

 private:
  std::string source() const { return directory_.path + "/Watch.java"; }
  std::string told_file() const { return directory_.path + "/told"; }
  TempDirectory directory_;
  std::string name_;
  pid_t pid_ = 0;
};

TEST_CASE("Java's clocks are bent and mended, and its waits do not care", "[agent][root][.java]") {
  const auto world = Namespaces::make(1);
  if (!world || !run("command -v javac >/dev/null")) return;
  JavaWatch java;
  REQUIRE(java.has_begun());
  auto agent = world->agent(0);
  REQUIRE(agent);
  constexpr int64_t kHour = 3600 * kNanosPerSecond;
  const auto bend = [&](const Json& shape, int64_t seen_ns, int64_t near_ns) {
    Json params = shape;
    params["processes"] = {java.name()};
    const auto bent = (*agent)->apply({"clock", params});
    if (!bent) FAIL(bent.error().message);
    CHECK(java.sees(seen_ns, near_ns));
    const auto healed = (*agent)->heal(bent->ids);
    REQUIRE(healed);
    CHECK(integer_of(healed->healed.front().proof, "restored") == 1);
    CHECK(java.sees(0));
  };
  bend({{"offset_ns", kHour}}, kHour, kNanosPerSecond);
  bend({{"offset_ns", -kHour}}, -kHour, kNanosPerSecond);
  bend({{"drift_ppb", 50'000'000}}, 100 * kNanosPerMilli, 60 * kNanosPerMilli);  // 50 ms a second
  const char* const cycles = std::getenv("RIVEN_JAVA_CYCLES");
  for (int i = cycles == nullptr ? 20 : std::atoi(cycles); i > 0; --i) {
    const auto bent = (*agent)->apply({"clock", {{"processes", {java.name()}}, {"offset_ns", kHour}}});
    REQUIRE(bent);
    usleep(5'000);
    REQUIRE((*agent)->heal(bent->ids));
  }
  CHECK(java.sees(0));
  const auto told = java.told();
  WARN("Java: " << told.readings << " readings, " << told.corrupt << " corrupt, a wait for 20 ms took "
                << told.longest_wait_ms << " ms at most");
  CHECK(java.lives());
  CHECK(told.corrupt == 0);
  CHECK(told.backwards == 0);
  CHECK(told.longest_wait_ms < 5000);
  const auto target = agent::ClockTarget::open(java.pid());
  REQUIRE(target);
  CHECK(target->is_pristine());
}

}  // namespace
}  // namespace riven::test
