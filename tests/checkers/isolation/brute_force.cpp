// Every model against brute force on small random histories: 10 seconds, or RIVEN_NIGHTLY=1 for millions.
#include <cstdlib>
#include <sstream>

#include "harness/core/clock.h"
#include "tests/catch.h"
#include "tests/checkers/isolation/histories.h"
#include "tests/checkers/isolation/oracle.h"

namespace riven::checkers::isolation {

namespace {

std::string described(const TinyHistory& h) {
  std::ostringstream out;
  for (const TinyTxn& t : h.txns) {
    out << "session " << t.session << " [" << t.invoked << "," << t.returned << "] " << to_text(t.type)
        << ":";
    for (const TinyMop& m : t.mops) {
      out << (m.write ? " a" : " r") << m.key;
      if (m.write)
        out << "=" << m.value;
      else
        for (const int e : m.elements) out << "." << e;
    }
    out << "\n";
  }
  return out.str();
}

std::string names(ModelSet set) {
  std::string out;
  for (const Model m : members(set)) out += std::string(name_of(m)) + " ";
  return out;
}

int64_t seconds_for_brute_force() {
  if (const char* s = std::getenv("RIVEN_BRUTE_FORCE_S")) return std::atoll(s);
  return std::getenv("RIVEN_NIGHTLY") != nullptr ? 1200 : 5;
}

}  // namespace

TEST_CASE("every model agrees with brute force on small histories") {
  const char* seed = std::getenv("RIVEN_SEED");
  Rng rng(seed != nullptr ? static_cast<uint64_t>(std::atoll(seed)) : 1);
  const int64_t end = monotonic_now_ns() + seconds_for_brute_force() * kNanosPerSecond;
  uint64_t histories = 0;
  uint64_t open = 0;
  std::array<uint64_t, kModels> refuted{};
  while (monotonic_now_ns() < end || histories < 400) {
    const TinyHistory tiny =
        random_history(rng, 2 + static_cast<int>(rng.below(3)), 1 + static_cast<int>(rng.below(2)),
                       1 + static_cast<int>(rng.below(3)));
    const History history = to_history(tiny);
    const Analysis a = analysed(history);
    const ModelSet expected = holding(tiny);
    ModelSet wrong = 0;
    for (size_t i = 0; i < kModels; ++i) {
      const auto m = static_cast<Model>(i);
      const bool holds = (expected & bit(m)) != 0;
      refuted[i] += holds ? 0 : 1;
      if (a.decisions.standing(m) == Standing::undecided)
        ++open;
      else if (a.decisions.refuted(m) == holds)
        wrong |= bit(m);
    }
    ++histories;
    if (wrong != 0) {
      INFO(described(tiny));
      INFO("wrong on: " << names(wrong));
      INFO("holding by brute force: " << names(expected));
      FAIL("after " << histories << " histories");
    }
  }
  WARN(histories << " histories, " << open << " decisions left open");
  for (size_t i = 0; i < kModels; ++i) {
    INFO(name_of(static_cast<Model>(i)));
    CHECK(refuted[i] > 0);
    CHECK(refuted[i] < histories);
  }
}

}  // namespace riven::checkers::isolation
