// Every model against brute force on small random histories: thousands in each run, millions with
// RIVEN_NIGHTLY=1. RIVEN_BRUTE_FORCE says how many of each kind, RIVEN_SEED which, RIVEN_BRUTE_FORCE_KIND of
// which kind alone.
#include <cstdio>
#include <cstdlib>
#include <iomanip>
#include <sstream>

#include "tests/catch.h"
#include "tests/checkers/isolation/histories.h"
#include "tests/checkers/isolation/oracle.h"
#include "tests/sanitized.h"

namespace riven::checkers::isolation {

namespace {

std::string names(ModelSet set) {
  std::string out;
  for (const Model m : members(set)) out += std::string(name_of(m)) + " ";
  return out;
}

uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}
uint64_t histories_wanted() {
  return number_from("RIVEN_BRUTE_FORCE", std::getenv("RIVEN_NIGHTLY") != nullptr ? 500'000
                                          : kSanitized                            ? 250
                                                                                  : 1000);
}

constexpr ModelSet kSharedMemory = bit(Model::monotonic_reads) | bit(Model::monotonic_writes) |
                                   bit(Model::read_your_writes) | bit(Model::writes_follow_reads) |
                                   bit(Model::pram) | bit(Model::causal) | bit(Model::sequential) |
                                   bit(Model::linearizable) | bit(Model::per_key_linearizable);

/// A kind of history, and what of it is taken for granted.
struct Trial {
  const char* name;
  TinyShape shape;
  RegisterOptions registers;
  uint64_t seed;
};

TinyShape some_shape(Rng& rng, TinyShape shape) {
  static constexpr double kNoise[] = {0, 0.05, 0.15, 0.4, 1};
  static constexpr double kWrites[] = {0.3, 0.5, 0.5, 0.7};
  const uint64_t size = rng.below(10);
  shape.txns = size == 0 ? 5 : size == 1 ? 2 : 2 + static_cast<int>(rng.below(3));
  shape.longest = size == 0 ? 2 : size == 1 ? 6 : 2 + static_cast<int>(rng.below(2));
  shape.keys = 1 + static_cast<int>(rng.below(3));
  shape.sessions = 1 + static_cast<int>(rng.below(4));
  shape.noise = kNoise[rng.below(5)];
  shape.writes = kWrites[rng.below(4)];
  return shape;
}

/// What was found of each model.
struct Tally {
  uint64_t histories = 0;
  uint64_t contradictions = 0;
  std::array<std::array<uint64_t, 3>, kModels> standings{};  // by Standing
  std::array<uint64_t, kModels> could_hold{};                // of the undecided
};

/// The models on which the checker is wrong.
/// Models that are judged otherwise when the history is said to have no real time: none may be but those that
/// speak of it, and of these none may hold.
ModelSet judged_by_made_up_times(const History& history, AnalysisOptions options,
                                 const Analysis& with_times) {
  options.real_time = false;
  Budget budget;
  budget.threads = 1;
  const auto without = analyse(history, options, budget);
  if (!without) FAIL(without.error().message);
  ModelSet wrong = 0;
  for (size_t i = 0; i < kModels; ++i) {
    const auto m = static_cast<Model>(i);
    const Standing s = without->decisions.standing(m);
    const bool speaks_of_it = (kRealTimeModels & bit(m)) != 0;
    const bool right = speaks_of_it ? s != Standing::holds : s == with_times.decisions.standing(m);
    if (!right) wrong |= bit(m);
  }
  return wrong;
}

ModelSet compare(const TinyHistory& tiny, const Trial& trial, int coarseness, Tally& tally) {
  const History history = to_history(tiny, coarseness);
  AnalysisOptions options;
  options.registers = trial.registers;
  Budget budget;
  budget.threads = 1;
  const auto a = analyse(history, options, budget);
  if (!a) FAIL(a.error().message << "\n" << described(tiny));
  // Whatever is refuted has evidence that the verifier accepts.
  const ModelSet unproved = without_evidence(history, *a);
  const RegisterOptions& r = trial.registers;
  const Judgement truth =
      judge_by_force(tiny, {r.write_follows_read, r.sequential_keys, r.linearizable_keys, r.numbers});
  ++tally.histories;
  ModelSet compared = ~ModelSet{0};
  if (truth.contradiction) {
    // Without an order of versions nothing can be said of a memory.
    ++tally.contradictions;
    compared = ~kSharedMemory;
    CHECK(a->findings.any(Kind::cyclic_versions));
  }
  ModelSet wrong = unproved;
  for (size_t i = 0; i < kModels; ++i) {
    const auto m = static_cast<Model>(i);
    if ((compared & bit(m)) == 0) continue;
    const bool holds = (truth.holding & bit(m)) != 0;
    const Standing s = a->decisions.standing(m);
    ++tally.standings[i][static_cast<size_t>(s)];
    if (s == Standing::undecided)
      tally.could_hold[i] += holds ? 1 : 0;
    else if ((s == Standing::holds) != holds)
      wrong |= bit(m);
  }
  constexpr uint64_t kEvery = 4;
  if (!r.linearizable_keys && tally.histories % kEvery == 1)
    wrong |= judged_by_made_up_times(history, options, *a);
  return wrong;
}

/// Leaves out what is not needed for some model of `wrong` to be judged wrongly.
TinyHistory shrunk(TinyHistory tiny, const Trial& trial, ModelSet wrong) {
  const auto still = [&](const TinyHistory& smaller) {
    Tally ignored;
    return (compare(smaller, trial, 1, ignored) & wrong) != 0;
  };
  const auto unread = [&](int value) {
    for (const TinyTxn& t : tiny.txns)
      for (const TinyMop& m : t.mops)
        for (const int e : m.elements)
          if (e == value) return false;
    return true;
  };
  for (bool again = true; again;) {
    again = false;
    for (size_t t = 0; t < tiny.txns.size() && !again; ++t)
      for (size_t m = 0; m < tiny.txns[t].mops.size() && !again; ++m) {
        const TinyMop& mop = tiny.txns[t].mops[m];
        if (mop.write && !unread(mop.value)) continue;
        TinyHistory smaller = tiny;
        smaller.txns[t].mops.erase(smaller.txns[t].mops.begin() + static_cast<ptrdiff_t>(m));
        if (smaller.txns[t].mops.empty())
          smaller.txns.erase(smaller.txns.begin() + static_cast<ptrdiff_t>(t));
        if (smaller.txns.empty() || !still(smaller)) continue;
        tiny = smaller;
        again = true;
      }
  }
  return tiny;
}

std::string table(const char* name, const Tally& tally) {
  std::ostringstream out;
  out << name << ": " << tally.histories << " histories, " << tally.contradictions
      << " contradict what is taken for granted\n"
      << std::left << std::setw(46) << "model" << std::right << std::setw(10) << "holds" << std::setw(10)
      << "refuted" << std::setw(10) << "undecided"
      << "  (would hold)\n";
  for (size_t i = 0; i < kModels; ++i) {
    out << std::left << std::setw(46) << name_of(static_cast<Model>(i)) << std::right;
    for (const uint64_t count : tally.standings[i]) out << std::setw(10) << count;
    out << std::setw(14) << tally.could_hold[i] << "\n";
  }
  return out.str();
}

/// A small history on which the checker is wrong.
std::string reproducer(const TinyHistory& tiny, const Trial& trial, ModelSet wrong) {
  const TinyHistory small = shrunk(tiny, trial, wrong);
  Tally ignored;
  const RegisterOptions& r = trial.registers;
  const Judgement truth =
      judge_by_force(small, {r.write_follows_read, r.sequential_keys, r.linearizable_keys, r.numbers});
  return "wrong on: " + names(compare(small, trial, 1, ignored)) +
         "\nholding by brute force: " + names(truth.holding) + "\n" + described(small);
}

Tally run(const Trial& trial) {
  Rng rng(number_from("RIVEN_SEED", trial.seed));
  Tally tally;
  const uint64_t wanted = histories_wanted();
  ModelSet reported = 0;
  while (tally.histories < wanted) {
    const TinyHistory tiny = random_history(rng, some_shape(rng, trial.shape));
    const int coarseness = rng.chance(0.2) ? 1 + static_cast<int>(rng.below(20)) : 1;
    const ModelSet wrong = compare(tiny, trial, coarseness, tally) & ~reported;
    if (wrong == 0) continue;
    reported |= wrong;
    FAIL_CHECK(trial.name << ", history " << tally.histories << ": " << reproducer(tiny, trial, wrong));
  }
  if (std::getenv("RIVEN_BRUTE_FORCE") != nullptr) std::printf("%s", table(trial.name, tally).c_str());
  return tally;
}

constexpr TinyShape kRegisters{.registers = true};
constexpr TinyShape kChains{.registers = true, .read_first = 0.8};
constexpr TinyShape kNumbered{.registers = true, .numbers = 0.8};

const Trial kTrials[] = {
    {"lists", {}, {}, 1},
    {"lists with aborted reads", {.aborted_reads = true}, {}, 2},
    {"registers", kRegisters, {}, 3},
    {"registers, mostly read before they are written", kChains, {}, 7},
    {"registers with initial state only", kRegisters, {true, false, false, false}, 4},
    {"registers with sequential keys", kChains, {true, true, true, false}, 5},
    {"registers with linearizable keys", kChains, {true, true, false, true}, 6},
    {"registers with version numbers", kNumbered, {}, 8},
    {"registers with version numbers alone", kNumbered, {true, false, false, false}, 9},
};

}  // namespace

TEST_CASE("every model agrees with brute force on small histories of every kind") {
  const char* const only = std::getenv("RIVEN_BRUTE_FORCE_KIND");
  for (const bool registers : {false, true}) {
    Tally all;
    for (const Trial& trial : kTrials) {
      if (trial.shape.registers != registers || (only != nullptr && trial.name != std::string(only)))
        continue;
      const Tally one = run(trial);
      all.histories += one.histories;
      for (size_t i = 0; i < kModels; ++i)
        for (size_t s = 0; s < 3; ++s) all.standings[i][s] += one.standings[i][s];
    }
    // Both verdicts are well represented.
    for (size_t i = 0; i < kModels && only == nullptr && !kSanitized; ++i) {
      INFO((registers ? "registers, " : "lists, ") << name_of(static_cast<Model>(i)));
      CHECK(all.standings[i][static_cast<size_t>(Standing::holds)] * 400 > all.histories);
      CHECK(all.standings[i][static_cast<size_t>(Standing::refuted)] * 400 > all.histories);
    }
  }
}

}  // namespace riven::checkers::isolation
