// The verifier of evidence: what it accepts is refuted, by brute force, however the evidence is spoilt; and
// nothing is invalid without evidence that it accepts.
#include "checkers/isolation/verify/verifier.h"

#include "checkers/isolation/proof/ground.h"
#include "checkers/isolation/proof/verified.h"
#include "harness/core/rng.h"
#include "tests/catch.h"
#include "tests/checkers/isolation/checked.h"
#include "tests/checkers/isolation/histories.h"
#include "tests/checkers/isolation/oracle.h"
#include "tests/sanitized.h"

namespace riven::checkers::isolation {

namespace {

/// Every argument that the engines have.
std::vector<Argument> arguments_of(Grounds& grounds, const Analysis& a) {
  std::vector<Argument> out;
  const auto add = [&](std::optional<Argument> argument) {
    if (argument) out.push_back(std::move(*argument));
  };
  for (size_t k = 0; k < kKinds; ++k)
    for (size_t i = 0; i < a.findings.cases(static_cast<Kind>(k)).size(); ++i)
      add(grounds.of(static_cast<Kind>(k), i));
  for (const Cycle& cycle : a.cycles) add(grounds.of(cycle.steps));
  for (const WeakCycle& cycle : a.weak_cycles) add(grounds.of(cycle));
  for (const Proof& proof : a.proofs) add(grounds.of(proof));
  return out;
}

/// Spoils one place of an argument.
class Spoiler {
 public:
  Spoiler(Rng& rng, const History& history) : rng_(rng), entries_(static_cast<uint32_t>(history.size())) {}

  void spoil(Argument& a) {
    if (!a.cases.empty() && rng_.chance(0.7)) return spoil(a.cases[rng_.below(a.cases.size())]);
    if (a.direct) return spoil(*a.direct);
    if (!a.circle.makers.empty()) return spoil(a.circle);
    if (a.links.empty()) return std::swap(a.first, a.second);
    const size_t at = rng_.below(a.links.size());
    switch (rng_.below(4)) {
      case 0:
        a.links.erase(a.links.begin() + static_cast<ptrdiff_t>(at));
        return;
      case 1:
        std::swap(a.links[at], a.links[rng_.below(a.links.size())]);
        return;
      default:
        spoil(a.links[at]);
    }
  }

 private:
  void spoil(Link& link) {
    if (!link.path.empty() && rng_.chance(0.3)) return spoil(link.path[rng_.below(link.path.size())]);
    if (!link.chain.makers.empty() && rng_.chance(0.3)) return spoil(link.chain);
    switch (rng_.below(5)) {
      case 0:
        link.relation = static_cast<Relation>(rng_.below(9));
        return;
      case 1:
        std::swap(link.from, link.to);
        return;
      case 2:
        return spoil(link.witness);
      case 3:
        return spoil(link.from);
      default:
        return spoil(link.to);
    }
  }
  void spoil(VersionChain& chain) {
    if (chain.steps.empty() || rng_.chance(0.4)) return spoil(chain.makers[rng_.below(chain.makers.size())]);
    Before& step = chain.steps[rng_.below(chain.steps.size())];
    if (rng_.chance(0.5))
      step.why = static_cast<Why>(rng_.below(6));
    else
      spoil(rng_.chance(0.5) ? step.first : step.second);
  }
  void spoil(Direct& direct) {
    if (rng_.chance(0.4))
      direct.kind = static_cast<Kind>(rng_.below(kKinds));
    else
      spoil(rng_.chance(0.5) ? direct.shows : direct.other);
  }
  void spoil(Access& access) {
    if (rng_.chance(0.5))
      access.invoke = static_cast<uint32_t>(rng_.below(entries_));
    else
      access.place = static_cast<uint32_t>(rng_.below(3));
  }

  Rng& rng_;
  uint32_t entries_;
};

struct Count {
  uint64_t arguments = 0, accepted = 0, spoilt = 0, still_accepted = 0;
};

void compare(const TinyHistory& tiny, Rng& rng, Count& count) {
  const History history = to_history(tiny);
  Budget budget;
  budget.threads = 1;
  const auto a = analyse(history, {}, budget);
  if (!a) FAIL(a.error().message);
  if (a->decisions.refuted() == 0) return;
  const Judgement truth = judge_by_force(tiny, {true, false, false, true});
  if (truth.contradiction) return;  // nothing holds, or fails, of a key without an order
  Grounds grounds(history, *a);
  Verifier verifier(history, grounds.premises());
  Spoiler spoiler(rng, history);
  for (const Argument& argument : arguments_of(grounds, *a)) {
    ++count.arguments;
    const ModelSet refuted = verifier.refuted_by(argument);
    count.accepted += refuted != 0 ? 1 : 0;
    for (int i = 0; i < 6; ++i) {
      Argument spoilt = argument;
      spoiler.spoil(spoilt);
      if (i > 3) spoiler.spoil(spoilt);
      const ModelSet claimed = verifier.refuted_by(spoilt);
      ++count.spoilt;
      count.still_accepted += claimed != 0 ? 1 : 0;
      for (const Model m : members(claimed & truth.holding))
        FAIL_CHECK("spoilt evidence refutes " << name_of(m) << ", which holds\n" << described(tiny));
    }
    for (const Model m : members(refuted & truth.holding))
      FAIL_CHECK("evidence refutes " << name_of(m) << ", which holds\n" << described(tiny));
  }
}

}  // namespace

TEST_CASE("the verifier refutes no model that holds, however the evidence is spoilt") {
  for (const bool registers : {false, true}) {
    Rng rng(registers ? 71 : 70);
    Count count;
    for (int i = 0; i < (kSanitized ? 400 : 6000); ++i) {
      TinyShape shape;
      shape.registers = registers;
      shape.txns = 2 + static_cast<int>(rng.below(3));
      shape.keys = 1 + static_cast<int>(rng.below(2));
      shape.longest = 3;
      shape.sessions = 1 + static_cast<int>(rng.below(3));
      shape.noise = 0.3;
      compare(random_history(rng, shape), rng, count);
    }
    INFO(count.arguments << " arguments, " << count.accepted << " accepted; " << count.spoilt << " spoilt, "
                         << count.still_accepted << " accepted");
    CHECK(count.arguments > (kSanitized ? 200 : 3000));
    CHECK(count.accepted * 10 > count.arguments * 9);  // lost_write and the like refute nothing
    CHECK(count.still_accepted * 2 < count.spoilt);    // most spoilt ones are refused
  }
}

TEST_CASE("an invalid verdict without evidence that the verifier accepts becomes unknown") {
  Maker maker;
  maker.run(0, "ax1").run(1, "rx1");
  const History history = maker.history();
  Analysis a = analysed(history);
  a.decisions.refute(Model::serializable);
  a.cycles.push_back({{Shape::g1c, Order::none}, {{0, kWr}, {1, kWw}}});  // planted: there is no such edge
  CHECK_FALSE(keep_verified(history, Model::serializable, 1, a));
  CHECK(a.decisions.standing(Model::serializable) == Standing::undecided);
  CHECK(a.decisions.standing(Model::strict_serializable) == Standing::undecided);
  CHECK(a.decisions.standing(Model::snapshot_isolation) == Standing::holds);
  CHECK(a.decisions.why(Model::serializable).find("please report") != std::string::npos);
}

TEST_CASE("registers against real time are a stale read, named with its operations") {
  const auto write = [](int value) { return "[[:w 9 " + std::to_string(value) + "]]"; };
  const History& history = read(run(0, write(1)) + run(1, write(2)) + run(2, "[[:r 9 1]]"));
  const CheckResult r = checked(history, {});
  CHECK(r.verdict == Verdict::invalid);
  CHECK(anomaly_types(r) == "G-single-item-realtime stale-read");
  REQUIRE_FALSE(r.anomalies.empty());
  CHECK(r.anomalies[0].sentences.size() == 2);
  CHECK(r.anomalies[0].sentences[1].find("read key 9 = 1") != std::string::npos);
  CHECK(r.details["elle_json"]["anomaly-types"] == Json::array({"G-single-item-realtime"}));
  CHECK_FALSE(r.artifacts.empty());
}

TEST_CASE("a model that no cycle and no single anomaly refutes comes with the steps that refute it") {
  // The session's second read misses what its first one showed: no cycle of transactions.
  const History& history =
      read(run(0, "[[:append 1 1]]") + run(1, "[[:r 1 [1]] [:r 2 nil]]") + run(1, "[[:r 1 nil]]"));
  const CheckResult r = checked(history, {{"model", "monotonic-reads"}});
  REQUIRE(r.verdict == Verdict::invalid);
  const auto shown = std::find_if(r.anomalies.begin(), r.anomalies.end(),
                                  [](const Anomaly& a) { return a.type == "monotonic-reads-violation"; });
  REQUIRE(shown != r.anomalies.end());
  CHECK_FALSE(shown->sentences.empty());
  CHECK(shown->entries.size() >= 4);
}

}  // namespace riven::checkers::isolation
