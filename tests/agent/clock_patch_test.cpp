// The hook in processes of this test's own: every reading right, every byte back.
#include "nemesis/agent/clock/clock_patch.h"

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include "nemesis/agent/clock/clock_shape.h"
#include "nemesis/agent/clock/vdso_image.h"
#include "nemesis/agent/process/tracing_thread.h"
#include "tests/agent/clock_readers.h"
#include "tests/catch.h"

namespace riven::agent {
namespace {

using test::ClockReaders;
using test::kernel_realtime_ns;

constexpr int64_t kHourNs = 3600 * kNanosPerSecond;

ClockShape jump(int64_t offset_ns) {
  ClockShape shape;
  shape.offset_ns = offset_ns;
  return shape;
}

HookBlock block_of(const ClockShape& shape) { return hook_block(shape, kernel_realtime_ns(), "f-1"); }

/// Runs fn on the tracing thread.
template <typename Fn>
auto traced(Fn&& fn) {
  std::optional<decltype(fn())> result;
  TracingThread::instance().call([&] { result.emplace(fn()); });
  return std::move(*result);
}

bool has_hook_pages(pid_t pid, uint64_t page) {
  const auto mappings = read_mappings(pid);
  return std::any_of(mappings.begin(), mappings.end(),
                     [&](const Mapping& m) { return m.begin <= page && page < m.end; });
}

/// Why nothing can be traced here; empty: it can.
std::string cannot_trace() {
  ClockReaders readers(1);
  readers.await_rounds(1);
  const auto target = ClockTarget::open(readers.pid());
  if (!target) return "skipped: " + target.error().message;
  const auto patched = traced([&] { return target->patch("probe", block_of({})); });
  return patched ? "" : "skipped: " + patched.error().message;
}

TEST_CASE("reading threads are skewed and let go again, byte for byte", "[agent]") {
  if (const std::string why = cannot_trace(); !why.empty()) {
    WARN(why);
    return;
  }
  const bool nightly = std::getenv("RIVEN_NIGHTLY") != nullptr;
  const int rounds = nightly ? 1000 : 50;
  const size_t threads = nightly ? 4 : 2;
  ClockReaders readers(threads);
  readers.await_rounds();
  REQUIRE(readers.skewed() == 0);
  std::vector<int64_t> stops_ns;
  int left_mapped = 0;
  for (int round = 0; round < rounds; ++round) {
    const int64_t offset_ns = (round % 2 == 0 ? 1 : -1) * (kHourNs + round * 1'000'003);
    auto target = ClockTarget::open(readers.pid());
    REQUIRE(target);
    REQUIRE(target->is_pristine());
    REQUIRE_FALSE(target->hook());
    readers.allow(offset_ns);
    const auto patched = traced([&] { return target->patch("me", block_of(jump(offset_ns))); });
    if (!patched) FAIL(patched.error().message);
    CHECK(patched->threads > threads);
    CHECK_FALSE(patched->system_call);
    stops_ns.push_back(patched->stopped_ns);
    const auto hook = target->hook();
    REQUIRE(hook);
    CHECK(hook->owner == "me");
    CHECK(std::string(hook->block.fault) == "f-1");
    const int64_t before = readers.skewed();
    readers.await_rounds(4);
    CHECK(readers.skewed() > before);
    const auto restored = traced([&] { return target->restore(*hook); });
    REQUIRE(restored);
    if (!restored->unmapped) ++left_mapped;
    CHECK(target->is_pristine());
    CHECK(restored->unmapped != has_hook_pages(readers.pid(), hook->page));
    const int64_t after = readers.skewed();
    readers.await_rounds(4);
    CHECK(readers.skewed() - after <= 32);  // what the threads had in hand
  }
  CHECK(readers.lives());
  INFO("the last corrupt reading: " << readers.last_corrupt());
  CHECK(readers.corrupt() == 0);
  CHECK(left_mapped == 0);
  std::sort(stops_ns.begin(), stops_ns.end());
  WARN(rounds << " times in and out of " << threads << " spinning threads: " << readers.plain()
              << " plain and " << readers.skewed() << " skewed readings, " << readers.corrupt()
              << " corrupt; stopped for a median of " << stops_ns[stops_ns.size() / 2] / 1000 << " us, most "
              << stops_ns.back() / 1000 << " us; pages left " << left_mapped);
}

TEST_CASE("a setting is changed without stopping anybody, and forked children follow it", "[agent]") {
  if (const std::string why = cannot_trace(); !why.empty()) {
    WARN(why);
    return;
  }
  // A process that forks another on request; both write what they see.
  struct Seen {
    std::atomic<int64_t> skew_ns[2] = {};
    std::atomic<int> forked = 0;
  };
  void* const page = mmap(nullptr, sizeof(Seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  auto* const seen = new (page) Seen;
  const pid_t pid = fork();
  if (pid == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (int self = 0;;) {
      timespec time{};
      clock_gettime(CLOCK_REALTIME, &time);
      seen->skew_ns[self] = test::nanos(time) - kernel_realtime_ns();
      if (self == 0 && seen->forked == 1) {
        const pid_t child = fork();
        if (child == 0) self = 1;
        if (child == 0) prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (child != 0) seen->forked = child;
      }
      usleep(200);
    }
  }
  const auto sees = [&](int self, int64_t skew_ns) {
    for (int i = 0; i < 2000 && std::abs(seen->skew_ns[self] - skew_ns) > 50 * kNanosPerMilli; ++i)
      usleep(500);
    return std::abs(seen->skew_ns[self] - skew_ns) <= 50 * kNanosPerMilli;
  };
  auto target = ClockTarget::open(pid);
  REQUIRE(target);
  REQUIRE(traced([&] { return target->patch("me", block_of(jump(kHourNs))); }));
  CHECK(sees(0, kHourNs));
  seen->forked = 1;
  CHECK(sees(1, kHourNs));
  const pid_t child = seen->forked;
  auto child_target = ClockTarget::open(child);
  REQUIRE(child_target);
  REQUIRE(child_target->hook());
  // One store for both of them; more often than there are blocks.
  for (int i = 1; i <= 40; ++i) {
    REQUIRE(target->set(block_of(jump(-i * kNanosPerSecond))));
    CHECK(sees(0, -i * kNanosPerSecond));
    CHECK(sees(1, -i * kNanosPerSecond));
  }
  for (const ClockTarget* each : {&*target, &*child_target}) {
    const auto hook = each->hook();
    REQUIRE(hook);
    CHECK(traced([&] { return each->restore(*hook); })->unmapped);
    CHECK(each->is_pristine());
  }
  CHECK(sees(0, 0));
  CHECK(sees(1, 0));
  kill(child, SIGKILL);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  munmap(page, sizeof(Seen));
}

TEST_CASE("a process tells what its own vDSO says", "[agent]") {
  if (const std::string why = cannot_trace(); !why.empty()) {
    WARN(why);
    return;
  }
  const pid_t pid = fork();  // sleeps in a call that is restarted with what is left of its time
  if (pid == 0) {
    timespec left{1, 500'000'000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) != 0) {
    }
    _exit(7);
  }
  const int64_t began_ns = monotonic_now_ns();
  auto target = ClockTarget::open(pid);
  REQUIRE(target);
  const auto offset_ns = [&] {
    const auto told = traced([&] { return target->read_clock(CLOCK_REALTIME); });
    REQUIRE(told);
    return told->told_ns - told->after_ns;
  };
  CHECK(std::abs(offset_ns()) < 50 * kNanosPerMilli);
  const auto mapped = read_mappings(pid).size();
  for (int i = 0; i < 10; ++i) {
    REQUIRE(traced([&] { return target->patch("me", block_of(jump(-kHourNs))); }));
    CHECK_FALSE(traced([&] { return target->patch("me", block_of(jump(-kHourNs))); }));  // once is enough
    CHECK(std::abs(offset_ns() + kHourNs) < 50 * kNanosPerMilli);
    const auto hook = target->hook();
    REQUIRE(hook);
    CHECK(traced([&] { return target->restore(*hook); })->unmapped);
    CHECK(std::abs(offset_ns()) < 50 * kNanosPerMilli);
  }
  CHECK(read_mappings(pid).size() == mapped);
  int status = 0;
  CHECK(waitpid(pid, &status, 0) == pid);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 7));  // and its sleep was as long as it wanted
  CHECK(monotonic_now_ns() - began_ns > 1400 * kNanosPerMilli);
  CHECK_FALSE(target->is_same_program());
  CHECK_FALSE(target->set(block_of({})));
}

TEST_CASE("drift, strobe, smear and step follow the definition", "[agent]") {
  constexpr int64_t kProcessorsNs =
      5'000;  // the time stamps of a virtual machine's processors differ so much

  if (const std::string why = cannot_trace(); !why.empty()) {
    WARN(why);
    return;
  }
  ClockReaders readers(1);
  readers.await_rounds(1);
  auto target = ClockTarget::open(readers.pid());
  REQUIRE(target);
  REQUIRE(traced([&] { return target->patch("me", block_of({})); }));
  std::vector<ClockShape> shapes(7);
  shapes[0].drift_ppb = 1'000'000;
  shapes[1].drift_ppb = -400'000'000;
  shapes[2].strobe_ns = kHourNs;
  shapes[2].strobe_period_ns = 7'000'000;
  shapes[3].drift_ppb = -50'000'000;  // a smeared second
  shapes[3].drift_for_ns = 20 * kNanosPerSecond;
  shapes[4].step_ns = -kNanosPerSecond;
  shapes[4].step_after_ns = 30 * kNanosPerSecond;
  shapes[5].offset_ns = -5;
  shapes[5].drift_ppb = 123'456'789;
  shapes[5].strobe_ns = -77;
  shapes[5].strobe_period_ns = 1'000;
  shapes[6].offset_ns = -kMaxSkewNs;
  for (size_t i = 0; i < shapes.size(); ++i) {
    for (const int64_t age_s : {int64_t{0}, int64_t{10}, int64_t{25}, int64_t{100'000}}) {
      INFO("shape " << i << ", " << age_s << " s after the beginning");
      const int64_t began_ns = kernel_realtime_ns() - age_s * kNanosPerSecond;
      REQUIRE(target->set(hook_block(shapes[i], began_ns, "f-1")));
      const auto told = traced([&] { return target->read_clock(CLOCK_REALTIME); });
      REQUIRE(told);
      // The reading was some moment in between: one of them must give exactly what was told.
      const auto wanted = [&](int64_t at_ns) { return at_ns + skew_ns(shapes[i], at_ns - began_ns); };
      const int64_t strobe_ns = std::abs(shapes[i].strobe_ns);
      CHECK(told->told_ns >= wanted(told->before_ns) - strobe_ns - kProcessorsNs);
      CHECK(told->told_ns <= wanted(told->after_ns) + strobe_ns + kProcessorsNs);
    }
  }
}

TEST_CASE("a shape that no clock can have is refused", "[agent]") {
  CHECK(clock_shape_from({{"offset_ns", -5}}));
  CHECK_FALSE(clock_shape_from({{"offset_ns", "soon"}}));
  CHECK_FALSE(clock_shape_from({{"offset_ns", kMaxSkewNs + 1}}));
  CHECK_FALSE(clock_shape_from({{"drift_ppb", 500'000'001}}));
  CHECK_FALSE(clock_shape_from({{"strobe_ns", 5}}));
  CHECK_FALSE(clock_shape_from({{"strobe_ns", 5}, {"strobe_period_ns", 999}}));
  CHECK_FALSE(clock_shape_from({{"step_after_ns", -1}}));
  ClockShape shape;
  shape.strobe_ns = 8;
  shape.strobe_period_ns = 2'000;
  CHECK(*clock_shape_from(to_json(shape)) == shape);
  CHECK(skew_ns(shape, 999) == 0);
  CHECK(skew_ns(shape, 1'000) == 8);
  CHECK(skew_ns(shape, 2'000) == 0);
}

// ---- moving the beginning of a function

std::optional<RelocatedCode> move_bytes(std::vector<uint8_t> code, uint64_t to = 0x2000,
                                        size_t at_least = 5) {
  code.resize(64, 0x90);
  return relocate_code(code, 0x1000, to, at_least);
}

TEST_CASE("the beginnings that compilers write can be moved, others are refused", "[agent]") {
  // push rbp; mov rbp, rsp; push r14
  const auto usual = move_bytes({0x55, 0x48, 0x89, 0xe5, 0x41, 0x56, 0x90});
  REQUIRE(usual);
  CHECK(usual->moved_bytes == 6);
  CHECK(usual->instructions == std::vector<std::pair<size_t, size_t>>{{0, 0}, {1, 1}, {4, 4}});
  CHECK(usual->code.size() == 6 + 14);
  // endbr64; lea rax, [rip + 0x10] keeps its target
  const auto relative = move_bytes({0xf3, 0x0f, 0x1e, 0xfa, 0x48, 0x8d, 0x05, 0x10, 0, 0, 0});
  REQUIRE(relative);
  CHECK(relative->moved_bytes == 11);
  int32_t displacement = 0;
  std::memcpy(&displacement, relative->code.data() + 7, sizeof displacement);
  CHECK(0x2000 + 11 + displacement == 0x1000 + 11 + 0x10);
  // cmp edi, 15; ja +0x20 becomes a jump that reaches
  const auto branch = move_bytes({0x83, 0xff, 0x0f, 0x77, 0x20});
  REQUIRE(branch);
  CHECK(branch->code[3] == 0x0f);
  CHECK(branch->code[4] == 0x87);
  std::memcpy(&displacement, branch->code.data() + 5, sizeof displacement);
  CHECK(0x2000 + 9 + displacement == 0x1000 + 5 + 0x20);
  CHECK_FALSE(move_bytes({0x48, 0x8d, 0x05, 0x10, 0, 0, 0}, 0x2000 + (uint64_t{1} << 32)));  // out of reach
  CHECK_FALSE(move_bytes({0x31, 0xc0, 0x75, 0xfd, 0x90}));  // jumps into itself
  CHECK_FALSE(move_bytes({0xe8, 0, 0, 0, 0}));              // would return there
  CHECK_FALSE(move_bytes({0xeb, 0x10}));                    // ends too soon
  CHECK_FALSE(move_bytes({0xc5, 0xf8, 0x77}));              // vzeroupper
  CHECK(move_bytes({0xe9, 0, 1, 0, 0}));
}

TEST_CASE("this kernel's vDSO has what the hook stands on", "[agent]") {
  const auto image = VdsoImage::own();
  if (!image) {
    WARN("skipped: " << image.error().message);
    return;
  }
  for (const ClockCall call : kClockCalls) {
    const auto offset = image->find(vdso_symbol(call));
    REQUIRE(offset);
    const std::span<const uint8_t> code(image->bytes());
    CHECK(relocate_code(code.subspan(*offset), 0x7000'0000, 0x6000'0000, 5));
  }
  CHECK(image->bytes()[image->syscall_offset()] == 0x0f);
  CHECK_FALSE(image->find("__vdso_make_coffee"));
}

}  // namespace
}  // namespace riven::agent
