#include "checkers/isolation/explain.h"

#include <algorithm>

#include "harness/core/text.h"

namespace riven::checkers::isolation {

std::string short_edn(const Value& value) {
  constexpr size_t kShown = 12;
  if (!value.has_elements() || value.elements().size() <= kShown) return to_edn(value);
  const Value::List& all = value.elements();
  std::string out = value.is_set() ? "#{" : "[";
  for (size_t i = 0; i < 3; ++i) out += to_edn(all[i]) + " ";
  out += "...";
  for (size_t i = all.size() - 6; i < all.size(); ++i) out += " " + to_edn(all[i]);
  return out + (value.is_set() ? "}" : "]");
}

Value Explainer::value_of(uint32_t txn, uint32_t mop) const {
  const ValueView value = history_.value(a_.transactions.value_entry(txn));
  const ValueView one = value.at(a_.transactions.place_of(txn, mop));
  return one.size() > 2 ? one.at(2).to_value() : Value();
}

std::string Explainer::mop_text(uint32_t txn, uint32_t mop) const {
  const ValueView value = history_.value(a_.transactions.value_entry(txn));
  const ValueView one = value.at(a_.transactions.place_of(txn, mop));
  if (one.size() != 3) return to_edn(one.to_value());
  return "[:" + std::string(one.at(0).symbol().text()) + " " + to_edn(one.at(1).to_value()) + " " +
         short_edn(one.at(2).to_value()) + "]";
}

std::string Explainer::transaction_text(uint32_t txn, const std::vector<uint32_t>& mops) const {
  const Transactions& t = a_.transactions;
  const uint32_t entry = t.complete[txn] == kNone ? t.invoke[txn] : t.complete[txn];
  const bool pending = t.complete[txn] == kNone;
  std::string value;
  uint32_t next = 0;  // place
  for (const uint32_t m : mops) {
    const uint32_t place = t.place_of(txn, m);
    if (place + 1 == next) continue;  // told already
    if (place > next)
      value += value.empty() ? "... " : " ... ";
    else if (!value.empty())
      value += ' ';
    value += mop_text(txn, m);
    next = place + 1;
  }
  if (next < history_.value(t.value_entry(txn)).size()) value += value.empty() ? "..." : " ...";
  std::string out = "{:index " + std::to_string(history_.source_index(entry));
  if (history_.has_times()) out += ", :time " + std::to_string(history_.time_ns(entry));
  out += ", :process " + std::to_string(history_.process(entry));
  out += ", :type :" + std::string(pending ? "invoke" : to_text(history_.type(entry)));
  return out + ", :f :" + std::string(history_.f(entry).text()) + ", :value [" + value + "]}";
}

// Whether `next` is the version of `key` that comes after `version`, aborted ones aside.
bool Explainer::follows(uint32_t key, uint32_t version, uint32_t next) const {
  if (a_.transactions.workload == Workload::rw_register) return next > version && next != Mop::kUnobserved;
  const uint32_t length = a_.orders.length(key);
  for (uint32_t p = version + 1; p <= length; ++p) {
    const uint32_t writer = a_.orders.writer_of(key, p);
    if (writer != kNone && committed(a_.transactions.state[writer])) return p == next;
  }
  return next == Mop::kUnobserved;
}

Explainer::Reason Explainer::by_accesses(uint32_t from, uint32_t to, uint8_t label, uint32_t x, uint32_t y,
                                         const std::string& from_name, const std::string& to_name) const {
  const bool lists = a_.transactions.workload == Workload::list_append;
  const Mop a = a_.transactions.mops[x];
  const std::string key = key_text(a.key);
  const std::string left = short_edn(value_of(from, x));
  const std::string right = short_edn(value_of(to, y));
  std::string why;
  if (label == kWr) {
    why = lists ? to_name + " read key " + key + " = " + right + ", which " + from_name + "'s append of " +
                      left + " made"
                : to_name + " read key " + key + " = " + right + ", which " + from_name + " wrote";
  } else if (label == kWw) {
    why = lists ? to_name + " appended " + right + " to key " + key + " after " + from_name + " appended " +
                      left
                : from_name + " set key " + key + " to " + left + ", and " + to_name + " set it to " + right +
                      ", which came later in the version order";
  } else if (lists) {
    why = from_name + " read key " + key + " = " + left + ", and so did not observe " + to_name +
          "'s append of " + right;
  } else {
    why = from_name + " read key " + key + " = " + left + ", and " + to_name + " set it to " + right +
          ", which came later in the version order";
  }
  return {from_name + " < " + to_name + ", because " + why,
          label == kWr   ? "wr"
          : label == kWw ? "ww"
                         : "rw",
          x, y, a.key};
}

Explainer::Reason Explainer::dependency(uint32_t from, uint32_t to, uint8_t label,
                                        const std::string& from_name, const std::string& to_name) const {
  const Transactions& t = a_.transactions;
  for (uint32_t x = t.begin_of(from); x < t.end_of(from); ++x) {
    for (uint32_t y = t.begin_of(to); y < t.end_of(to); ++y) {
      const Mop a = t.mops[x];
      const Mop b = t.mops[y];
      if (a.is_predicate() || b.is_predicate()) continue;
      if (a.key != b.key || a.is_write() != (label != kRw) || b.is_write() != (label != kWr)) continue;
      if (label == kWr ? !b.is_known_read() || a.version() != a_.orders.foreign(to, b.key, b.version())
                       : !follows(a.key, a.version(), b.version()))
        continue;
      if (label != kWw && !(label == kWr ? b : a).is_known_read()) continue;
      return by_accesses(from, to, label, x, y, from_name, to_name);
    }
  }
  return by_predicate(from, to, label, from_name, to_name);
}

Explainer::Reason Explainer::by_predicate(uint32_t from, uint32_t to, uint8_t label,
                                          const std::string& from_name, const std::string& to_name) const {
  const Transactions& t = a_.transactions;
  const uint32_t reader = label == kWr ? to : from;
  const uint32_t writer = label == kWr ? from : to;
  for (uint32_t r = t.begin_of(reader); r < t.end_of(reader); ++r) {
    for (uint32_t w = t.begin_of(writer); w < t.end_of(writer); ++w) {
      const Mop read = t.mops[r];
      if (!read.is_predicate() || !read.is_known_read() || !t.mops[w].is_write() ||
          t.mops[w].key != read.key || (read.version() == 1) != (label == kWr))
        continue;
      const ValueView one = history_.value(t.value_entry(reader)).at(t.place_of(reader, r));
      const std::string reader_name = label == kWr ? to_name : from_name;
      const std::string writer_name = label == kWr ? from_name : to_name;
      const std::string why = reader_name + "'s predicate " + to_edn(one.at(1).to_value()) +
                              " did not match key " + key_text(read.key) + ", as it " +
                              (label == kWr ? "no longer did after " : "did only after ") + writer_name +
                              "'s " + mop_text(writer, w);
      const bool first = label == kWr;
      return {from_name + " < " + to_name + ", because " + why, first ? "wrp" : "rwp", first ? w : r,
              first ? r : w, read.key};
    }
  }
  return {from_name + " < " + to_name, label == kWr ? "wr" : label == kWw ? "ww" : "rw", kNone, kNone, kNone};
}

Explainer::Reason Explainer::in_time(uint32_t from, uint32_t to, const std::string& from_name,
                                     const std::string& to_name) const {
  const uint32_t end = a_.transactions.complete[from];
  const uint32_t start = a_.transactions.invoke[to];
  // The clock may have stepped back, or there may have been none.
  const double seconds = static_cast<double>(history_.time_ns(start) - history_.time_ns(end)) / 1e9;
  const bool tells = history_.has_times() && seconds >= 0;
  return {from_name + " < " + to_name + ", because " + from_name + " completed at index " +
              std::to_string(history_.source_index(end)) + ", " +
              (tells ? fixed(seconds, 6) + " seconds " : "") + "before the invocation of " + to_name +
              ", at index " + std::to_string(history_.source_index(start)),
          "realtime", kNone, kNone, kNone};
}

Explainer::Reason Explainer::edge(uint32_t from, uint32_t to, uint8_t label, const std::string& from_name,
                                  const std::string& to_name) const {
  if (label == kRealtime) return in_time(from, to, from_name, to_name);
  if (label == kProcess)
    return {from_name + " < " + to_name + ", because process " +
                std::to_string(history_.process(a_.transactions.invoke[from])) + " executed " + from_name +
                " before " + to_name,
            "process", kNone, kNone, kNone};
  return dependency(from, to, label, from_name, to_name);
}

Explainer::Reason Explainer::edge(const Cycle::Step& step, uint32_t to, const std::string& from_name,
                                  const std::string& to_name) const {
  const bool dependency = step.label == kWw || step.label == kWr || step.label == kRw;
  if (dependency && step.from_mop != kNone && step.to_mop != kNone)
    return by_accesses(step.txn, to, step.label, step.from_mop, step.to_mop, from_name, to_name);
  return edge(step.txn, to, step.label, from_name, to_name);
}

std::string Explainer::single(Kind kind, const Case& c) const {
  const std::string key = c.key == kNone ? "" : key_text(c.key);
  const std::string mine = c.mop == kNone ? "" : short_edn(value_of(c.txn, c.mop));
  const std::string theirs = c.other_mop == kNone ? "" : short_edn(value_of(c.other, c.other_mop));
  const std::string read = "T1 read key " + key + " = " + mine;
  const Transactions& t = a_.transactions;
  const bool registers = t.workload == Workload::rw_register && t.own_keys == nullptr && t.places.empty();
  switch (kind) {
    case Kind::garbage_read:
      return read + ", and nobody wrote that" + (registers ? " (a key begins with nil)" : "");
    case Kind::duplicate_elements:
      return read + ", in which an element occurs twice";
    case Kind::g1a:
      return read + ", which contains T2's write of " + theirs + ", and T2 failed";
    case Kind::g1b:
      return read + ", which ends in T2's write of " + theirs + ", and T2 wrote key " + key +
             " again after that";
    case Kind::reordered_writes:
      return "T1 wrote " + theirs + " to key " + key + " and then " + mine +
             ", but they took effect the other way round";
    case Kind::internal:
      return read + ", which is not what its own earlier micro-operations on that key leave";
    case Kind::non_repeatable_read:
      return "T1 read key " + key + " as " + theirs + " and then, without writing it, as " + mine;
    case Kind::future_read:
      return read + ", before it wrote " + theirs + " there itself";
    case Kind::dirty_update:
      return "T1 wrote " + mine + " to key " + key + " upon T2's write of " + theirs + ", and T2 failed";
    case Kind::incompatible_order:
      return read + ", which is no prefix of the longest list read from that key";
    case Kind::cyclic_versions:
      return "the order of the versions of key " + key + " contradicts itself" +
             (mine.empty() ? "" : ": " + mine + " comes both before and after " + theirs);
    case Kind::lost_update:
      return "T1 and T2 both read key " + key + " = " + mine +
             " and both wrote it: one of the updates is lost";
    case Kind::unseen_overwrite:
      return read + ", and its own write of that key comes after one by T2 that this read does not show";
    case Kind::lost_write:
      return "T1's write of " + mine + " to key " + key +
             " was acknowledged, and reads that began later miss it";
    case Kind::predicate_read_miss:
      return "T1's predicate read did not return key " + key + ", every committed version of which matches";
    case Kind::predicate_g1a:
      return "T1's predicate read did not return key " + key + ", as only an aborted write of it explains";
    case Kind::predicate_future_read:
      return "T1's predicate read knew of its own write of key " + key + ", which came only later";
    case Kind::session_stale_read:
      return read + ", which is less than what its session had added or read before";
    case Kind::stale_read:
      return read + ", which misses a write that had been acknowledged before T1 began";
  }
  return "";
}

std::vector<std::string> common_names(const Cycle& cycle, const Explainer& explainer) {
  if (cycle.cycle_class.predicate) return {"phantom"};
  const auto& steps = cycle.steps;
  std::string form;
  for (const auto& step : steps) {
    if (!form.empty()) form += ' ';
    form += step.label == kWw        ? "ww"
            : step.label == kWr      ? "wr"
            : step.label == kRw      ? "rw"
            : step.label == kProcess ? "so"
                                     : "rt";
  }
  const auto is = [&](std::initializer_list<const char*> forms) {
    return std::any_of(forms.begin(), forms.end(), [&](const char* f) { return form == f; });
  };
  if (is({"rw rw"})) return {"write-skew"};
  if (is({"rw wr rw wr", "wr rw wr rw"})) return {"long-fork"};
  if (is({"rw wr", "wr rw"})) return {"read-skew", "fractured-read"};
  if (is({"rw rt", "rt rw"})) return {"stale-read"};
  if (is({"rw so", "so rw", "wr so rw", "so rw wr", "rw wr so"})) return {"non-monotonic-session"};
  if (is({"rw ww", "ww rw"})) {
    const auto first = explainer.edge(steps[0].txn, steps[1].txn, steps[0].label, "", "");
    const auto second = explainer.edge(steps[1].txn, steps[0].txn, steps[1].label, "", "");
    if (first.key == second.key) return {"lost-update"};
  }
  if (is({"wr wr"})) return {"circular-information-flow"};
  if (is({"ww ww"})) return {"dirty-write"};
  return {};
}

std::string known_as(const Cycle& cycle, const Explainer& explainer) {
  std::string out;
  for (const std::string& name : common_names(cycle, explainer)) out += (out.empty() ? "" : ", ") + name;
  return out;
}

}  // namespace riven::checkers::isolation
