#include "tests/checkers/isolation/plain/comparison.h"

#include <algorithm>
#include <iomanip>
#include <sstream>

#include "checkers/isolation/analysis.h"
#include "tests/catch.h"

namespace riven::checkers::isolation::plain {

namespace {

/// Orders of versions tried for each rule.
constexpr size_t kMostSteps = 16;

Opinion opinion_of(const Draft& draft, const History& history) {
  return draft.lists ? judge_lists(read_world(history)) : judge_registers(read_world(history), kMostSteps);
}

Analysis analysis_of(const History& history) {
  auto a = analyse(history, {}, {});
  if (!a) FAIL(a.error().message);
  return std::move(*a);
}

std::string standing(const Opinion& o, Model m) {
  return (o.refuted & bit(m)) != 0 ? "refuted" : (o.holds & bit(m)) != 0 ? "holds" : "undecided";
}
std::string standing(const Analysis& a, Model m) {
  const Standing s = a.decisions.standing(m);
  return s == Standing::refuted ? "refuted" : s == Standing::holds ? "holds" : "undecided";
}

/// The kinds that the plain reading looks for.
constexpr std::array kCompared = {Kind::garbage_read,
                                  Kind::duplicate_elements,
                                  Kind::g1a,
                                  Kind::g1b,
                                  Kind::reordered_writes,
                                  Kind::internal,
                                  Kind::non_repeatable_read,
                                  Kind::future_read,
                                  Kind::dirty_update,
                                  Kind::incompatible_order,
                                  Kind::lost_update};

std::set<std::string> anomalies(const Analysis& a) {
  std::set<std::string> out;
  for (const Kind kind : kCompared) {
    if (a.findings.any(kind)) out.emplace(name_of(kind));
  }
  return out;
}
/// Without what has no meaning of its own beside what else was found.
std::set<std::string> distinct(std::set<std::string> anomalies) {
  const auto beside = [&](const char* worse, std::initializer_list<const char*> blurred) {
    if (!anomalies.contains(worse)) return;
    for (const char* name : blurred) anomalies.erase(name);
  };
  beside("duplicate-elements", {"G1b", "reordered-writes", "garbage-read"});
  beside("incompatible-order", {"reordered-writes", "dirty-update", "lost-update"});
  return anomalies;
}
CycleSet cycles(const Analysis& a) {
  CycleSet out;
  for (const Cycle& c : a.cycles)
    out.emplace(static_cast<int>(c.cycle_class.shape), static_cast<int>(c.cycle_class.order));
  return worst(out);
}
/// The checker shows why registers are not strict serializable by cycles in the order of versions that a
/// strict database would have. The plain reading knows the certain order alone: there it can only say that
/// both refute the model.
void drop_supposed(CycleSet& theirs, CycleSet& ours, const Opinion& o) {
  if (o.ordered || (o.refuted & bit(Model::strict_serializable)) == 0) return;
  const auto real_time = [](const CycleKind& kind) {
    return static_cast<Order>(kind.second) == Order::realtime;
  };
  std::erase_if(theirs, real_time);
  std::erase_if(ours, real_time);
}
std::string name_of_cycle(const CycleKind& kind) {
  return name_of(CycleClass{static_cast<Shape>(kind.first), static_cast<Order>(kind.second)});
}

void count(const Analysis& a, const Opinion& o, Tally& tally) {
  ++tally.histories;
  for (size_t i = 0; i < kModels; ++i) {
    const std::string theirs = standing(a, static_cast<Model>(i)), ours = standing(o, static_cast<Model>(i));
    Tally::Row& row = tally.models[i];
    if (theirs == "undecided")
      ++row.undecided;
    else if (ours == "undecided")
      ++row.open;
    else if (ours != theirs)
      ++row.differences;
    else
      ++(ours == "holds" ? row.holds : row.refuted);
  }
}

template <typename Set, typename Name>
void compare(const Set& theirs, const Set& ours, Name&& name, std::set<std::string>& out) {
  for (const auto& x : theirs) {
    if (!ours.contains(x)) out.insert(name(x) + " found by the checker alone");
  }
  for (const auto& x : ours) {
    if (!theirs.contains(x)) out.insert(name(x) + " found by the plain reading alone");
  }
}

}  // namespace

std::set<std::string> differences(const Draft& draft, Tally* tally) {
  const History history = to_history(draft);
  const Analysis a = analysis_of(history);
  const Opinion o = opinion_of(draft, history);
  if (tally != nullptr) count(a, o, *tally);
  std::set<std::string> out;
  for (size_t i = 0; i < kModels; ++i) {
    const auto m = static_cast<Model>(i);
    const std::string theirs = standing(a, m), ours = standing(o, m);
    if (theirs != ours && theirs != "undecided" && ours != "undecided")
      out.insert(std::string(name_of(m)) + " " + theirs + " by the checker, " + ours +
                 " by the plain reading");
  }
  compare(
      distinct(anomalies(a)), distinct(o.anomalies), [](const std::string& s) { return s; }, out);
  // Where reads contradict each other, no order of versions is the right one to look for cycles in.
  if (!a.search_exhausted && !o.anomalies.contains("incompatible-order")) {
    CycleSet theirs = cycles(a), ours = o.cycles;
    drop_supposed(theirs, ours, o);
    compare(theirs, ours, name_of_cycle, out);
  }
  return out;
}

std::string described(const Draft& draft) {
  const History history = to_history(draft);
  const Analysis a = analysis_of(history);
  const Opinion o = opinion_of(draft, history);
  std::ostringstream out;
  const auto list = [&](const char* who, const std::set<std::string>& kinds, const CycleSet& set) {
    out << who << ":";
    for (const std::string& kind : kinds) out << " " << kind;
    for (const CycleKind& kind : set) out << " " << name_of_cycle(kind);
    out << "\n";
  };
  list("The checker finds", anomalies(a), cycles(a));
  list("The plain reading finds", o.anomalies, o.cycles);
  out << "Models on which they differ, or of which one of them decides nothing:\n";
  for (size_t i = 0; i < kModels; ++i) {
    const auto m = static_cast<Model>(i);
    if (standing(a, m) != standing(o, m))
      out << "  " << name_of(m) << ": " << standing(a, m) << " by the checker, " << standing(o, m)
          << " by the plain reading" << (a.decisions.why(m).empty() ? "" : ": ") << a.decisions.why(m)
          << "\n";
  }
  return out.str();
}

std::string Tally::table() const {
  std::ostringstream out;
  out << std::left << std::setw(44) << "model" << std::right << std::setw(10) << "refuted" << std::setw(10)
      << "hold" << std::setw(11) << "undecided" << std::setw(8) << "open" << std::setw(13) << "differences"
      << "\n";
  for (size_t i = 0; i < kModels; ++i) {
    const Row& row = models[i];
    out << std::left << std::setw(44) << name_of(static_cast<Model>(i)) << std::right << std::setw(10)
        << row.refuted << std::setw(10) << row.holds << std::setw(11) << row.undecided << std::setw(8)
        << row.open << std::setw(13) << row.differences << "\n";
  }
  return out.str();
}

}  // namespace riven::checkers::isolation::plain
