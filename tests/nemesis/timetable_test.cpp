#include "nemesis/shared/timetable.h"

#include "harness/core/clock.h"
#include "tests/generator/perfect_world.h"

namespace riven {
namespace {

std::vector<ScheduledOp> two_faults() {
  return {{10, gen::op("kill", Value("n1")), {}},
          {30, gen::op("pause", Value("n2")), {}},
          {50, gen::op("start"), 0},
          {90, gen::op("resume"), 1}};
}

TEST_CASE("a timetable keeps its times", "[nemesis]") {
  const Played played = play(gen::nemesis(timetable(two_faults())));
  CHECK(played.done);
  CHECK(played.lines() == std::vector<std::string>{"10 -1 kill \"n1\"", "30 -1 pause \"n2\"",
                                                   "50 -1 start nil", "90 -1 resume nil"});
}

TEST_CASE("what comes while the nemesis is busy comes when it is free", "[nemesis]") {
  WorldOptions slow;
  slow.latency_ns = 35;
  CHECK(play(gen::nemesis(timetable(two_faults())), slow).times() == std::vector<int64_t>{10, 45, 80, 115});
}

TEST_CASE("a timetable that is cut off closes what is open, once", "[nemesis]") {
  CHECK(play(gen::time_limit(40, gen::nemesis(timetable(two_faults())))).words() ==
        std::vector<std::string>{"kill \"n1\"", "pause \"n2\"", "start", "resume"});
  CHECK(play(gen::time_limit(70, gen::nemesis(timetable(two_faults())))).words() ==
        std::vector<std::string>{"kill \"n1\"", "pause \"n2\"", "start", "resume"});
  CHECK(play(gen::time_limit(20, gen::nemesis(timetable(two_faults())))).words() ==
        std::vector<std::string>{"kill \"n1\"", "start"});
  CHECK(timetable({}) == nullptr);
}

}  // namespace
}  // namespace riven
