// An argument (see verify/argument.h) in words.
#include <algorithm>

#include "checkers/isolation/telling.h"

namespace riven::checkers::isolation {

namespace {

class ArgumentText {
 public:
  ArgumentText(const Explainer& explainer, Cast& cast, Told& told)
      : e_(explainer), t_(explainer.analysis().transactions), cast_(cast), told_(told) {}

  void add(const Argument& a) {
    if (!a.cases.empty()) return add_cases(a);
    if (!a.circle.makers.empty()) {
      for (size_t i = 0; i < a.circle.steps.size(); ++i) say(step_text(a.circle, i), "versions", {}, {});
      return;
    }
    for (const Link& link : a.links) say(sentence(link), type_of(link.relation), link.from, link.to);
  }

  const std::string& text() const { return text_; }
  Json edges() { return std::move(edges_); }

 private:
  // Either order of the two writes leads to a circle.
  void add_cases(const Argument& a) {
    for (const bool swapped : {false, true}) {
      const Access& first = swapped ? a.second : a.first;
      const Access& second = swapped ? a.first : a.second;
      say("Suppose that " + access(first) + " comes before " + access(second), "case", first, second);
      add(a.cases[swapped ? 1 : 0]);
    }
  }

  void say(const std::string& sentence, const char* type, const Access& from, const Access& to) {
    text_ += "  - " + sentence + ".\n";
    told_.sentences.push_back(sentence);
    Json edge = {{"type", type}, {"why", sentence}};
    if (!from.none()) edge["from"] = name(from);
    if (!to.none()) edge["to"] = name(to);
    edges_.push_back(std::move(edge));
  }

  uint32_t txn(const Access& a) const {
    const auto at = std::lower_bound(t_.invoke.begin(), t_.invoke.end(), a.invoke);
    return static_cast<uint32_t>(at - t_.invoke.begin());
  }
  std::string name(const Access& a) { return cast_.name(txn(a)); }
  ValueView micro_operation(const Access& a) const {
    return e_.history().value(t_.value_entry(txn(a))).at(a.place);
  }
  /// "T1's [:w 9 1]"; of a version that is initial "the initial state".
  std::string access(const Access& a) {
    if (a.none()) return "the initial state";
    if (a.place == kNone) return name(a);
    if (t_.places.empty()) cast_.matters(txn(a), t_.begin_of(txn(a)) + a.place);
    return name(a) + "'s " + short_edn(micro_operation(a).to_value());
  }

  std::string because(const Link& link, const std::string& why) {
    return name(link.from) + " < " + name(link.to) + ", because " + why;
  }
  std::string sentence(const Link& link) {
    switch (link.relation) {
      case Relation::session:
        return e_.edge(txn(link.from), txn(link.to), kProcess, name(link.from), name(link.to)).sentence;
      case Relation::realtime:
        return e_.edge(txn(link.from), txn(link.to), kRealtime, name(link.from), name(link.to)).sentence;
      case Relation::wr:
        return because(link, access(link.to) + " shows " + access(link.from));
      case Relation::ww:
        return because(link,
                       access(link.to) + " made a later version than " + access(link.from) + proof(link));
      case Relation::rw:
        return because(link, access(link.from) + " does not show " + access(link.to) + ", which came later" +
                                 proof(link));
      case Relation::order:
        return because(link, access(link.to) + " is of the same version as " + access(link.from) +
                                 " or of a later one" + proof(link));
      case Relation::own_update:
        return because(link, access(link.from) + " does not show " + access(link.to) + ", and if " +
                                 access(link.witness) + " came after that, an update would be lost");
      case Relation::overtaken:
        return because(link, access(link.from) + " shows " + access(link.read) + ", and " + access(link.to) +
                                 " came after that" + path(link));
      case Relation::seen:
        return because(link, access(link.read) + " shows " + access(link.to) + ", although its transaction" +
                                 " had seen " + access(link.from) + path(link));
    }
    return "";
  }

  // " (T1 < T4 < T3)": how the one was known to the other.
  std::string path(const Link& link) {
    std::string out;
    for (const Link& step : link.path) {
      if (out.empty()) out = name(step.from);
      out += " < " + name(step.to);
    }
    return out.empty() ? out : " (" + out + ")";
  }
  // What shows the order of two versions, where it is not a list that shows it.
  std::string proof(const Link& link) {
    if (link.assumed) return " (as supposed)";
    std::string out;
    for (size_t i = 0; i < link.chain.steps.size(); ++i)
      if (link.chain.steps[i].why != Why::initial)
        out += (out.empty() ? "" : ", and ") + step_text(link.chain, i);
    return out.empty() ? out : ": " + out;
  }
  std::string step_text(const VersionChain& chain, size_t i) {
    const Before& why = chain.steps[i];
    const std::string earlier = access(chain.makers[i]);
    const std::string later = access(chain.makers[i + 1]);
    const std::string order = earlier + " precedes " + later;
    switch (why.why) {
      case Why::initial:
        return "the initial state precedes " + later;
      case Why::own_order:
        return order + " in their transaction";
      case Why::follows_read:
        return order + ", because " + access(why.first) + " precedes it in its transaction";
      case Why::number:
        return order + " by their version numbers";
      case Why::session:
        return order + ", because one session did " + access(why.first) + " before " + access(why.second);
      case Why::realtime:
        return order + ", because " + access(why.first) + " returned before " + access(why.second) +
               " was invoked";
      case Why::assumed:
        return order + " (as supposed)";
    }
    return order;
  }

  static const char* type_of(Relation relation) {
    switch (relation) {
      case Relation::ww:
      case Relation::seen:
        return "ww";
      case Relation::wr:
        return "wr";
      case Relation::rw:
      case Relation::overtaken:
        return "rw";
      case Relation::session:
        return "process";
      case Relation::realtime:
        return "realtime";
      case Relation::order:
        return "order";
      case Relation::own_update:
        return "update";
    }
    return "";
  }

  const Explainer& e_;
  const Transactions& t_;
  Cast& cast_;
  Told& told_;
  std::string text_;
  Json edges_ = Json::array();
};

}  // namespace

std::string name_of(const AcceptedProof& proof) { return std::string(name_of(proof.model)) + "-violation"; }

Told tell(const Explainer& explainer, const FaultTimeline& faults, const AcceptedProof& proof) {
  Told told;
  Cast cast(explainer);
  ArgumentText text(explainer, cast, told);
  text.add(proof.argument);
  told.entries = cast.entries();
  told.text = name_of(proof) + "\n" + cast.let() + "\nThen:\n" + text.text() +
              "  A contradiction: " + std::string(name_of(proof.model)) + " cannot hold.\n";
  told.json = {
      {"transactions", cast.json()}, {"edges", text.edges()}, {"refutes", std::string(name_of(proof.model))}};
  add_faults(explainer, faults, told);
  return told;
}

}  // namespace riven::checkers::isolation
