#include "checkers/isolation/verify/verifier.h"

#include "checkers/isolation/verify/facts.h"

namespace riven::checkers::isolation {

namespace {

using enum Model;

/// Checks one argument, the cases of it one by one.
class Check {
 public:
  Check(Facts& facts, std::string& why_not) : f_(facts), why_not_(why_not) {}

  ModelSet run(const Argument& a) {
    if (!note_observed(a)) return 0;
    if (!a.cases.empty()) return by_cases(a);
    if (a.direct) return refuted_by_direct(f_, *a.direct, why_not_);
    if (!a.circle.makers.empty()) return by_versions(a.circle);
    std::vector<CheckedLink> links;
    for (const Link& link : a.links) {
      auto checked = check_link(f_, link, why_not_);
      if (!checked) return 0;
      links.push_back(std::move(*checked));
    }
    const ModelSet out = refuted_by_circle(f_, links);
    if (out == 0) why_not_ = "the edges refute no model";
    return out;
  }

 private:
  // Somebody read what they wrote, so they took effect.
  bool note_observed(const Argument& a) {
    for (const auto& [write, read] : a.observed) {
      const auto w = f_.write(write);
      const auto r = f_.read(read);
      bool shown = w && r && !f_.failed(write.invoke);
      if (shown && f_.lists()) shown = w->key == r->key && place_in(r->value, w->value).has_value();
      if (shown && f_.registers()) shown = w->key == r->key && w->value == r->value;
      if (shown && !f_.lists() && !f_.registers()) shown = shows(f_, read, write) == true;
      if (!shown) {
        why_not_ = "nobody saw that a transaction took effect";
        return false;
      }
      f_.seen.insert(write.invoke);
    }
    return true;
  }

  // One of the two orders is that of the history: what both refute is refuted.
  ModelSet by_cases(const Argument& a) {
    const auto first = f_.committed_write(a.first);
    const auto second = f_.committed_write(a.second);
    if (a.cases.size() != 2 || !first || !second || !(first->key == second->key) ||
        a.first.invoke == a.second.invoke) {
      why_not_ = "the cases are not the two orders of two writes";
      return 0;
    }
    ModelSet out = ~ModelSet{0};
    for (const bool swapped : {false, true}) {
      f_.assumptions.push_back(swapped ? Assumption{a.second, a.first} : Assumption{a.first, a.second});
      out &= run(a.cases[swapped ? 1 : 0]);
      f_.assumptions.pop_back();
    }
    return out;
  }

  // Versions of a key in a circle: they have no order.
  ModelSet by_versions(const VersionChain& circle) {
    const std::optional<RawMop> named =
        f_.write(circle.makers[circle.makers[0].none() ? 1 % circle.makers.size() : 0]);
    if (!f_.registers() || !named || circle.makers.size() < 3 ||
        !(circle.makers.front() == circle.makers.back())) {
      why_not_ = "no circle of versions";
      return 0;
    }
    const ModelSet valid = check_chain(f_, named->key, circle);
    if (valid == 0) why_not_ = "the order of two versions does not follow";
    // Where nobody says that keys are linearizable, a circle by real time says only that this one is not.
    if (valid != ~ModelSet{0}) return valid;
    return failing_with(read_uncommitted) | failing_with(view_serializable) |
           failing_with(one_copy_serializable) | failing_with(per_key_linearizable);
  }

  Facts& f_;
  std::string& why_not_;
};

}  // namespace

Verifier::Verifier(const History& history, const Premises& premises)
    : facts_(std::make_unique<Facts>(history, premises)) {}
Verifier::~Verifier() = default;

void Verifier::expect(const Argument& a) {
  if (a.direct) facts_->expect(a.direct->key);
  for (const Argument& one : a.cases) expect(one);
}

ModelSet Verifier::refuted_by(const Argument& argument) {
  why_not_.clear();
  facts_->seen.clear();
  facts_->assumptions.clear();
  const ModelSet out = Check(*facts_, why_not_).run(argument);
  if (facts_->premises().real_time) return out;
  ModelSet without_time = 0;
  for (const Model m : members(out & ~kRealTimeModels)) without_time |= failing_with(m);
  return without_time;
}

}  // namespace riven::checkers::isolation
