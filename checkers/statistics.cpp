#include "checkers/statistics.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "harness/api/registry.h"
#include "harness/core/text.h"

namespace riven::checkers {
namespace {

constexpr size_t kErrorsShown = 50;
constexpr size_t kErrorsKept = 10'000;
constexpr size_t kErrorTextLimit = 200;

struct Counts {
  std::array<uint64_t, 4> by_type{};  // by OpType; invoke: how many operations
  uint64_t pending = 0;               // invocations without a completion

  uint64_t of(OpType type) const { return by_type[static_cast<size_t>(type)]; }
  void add(const Counts& other) {
    for (size_t t = 0; t < by_type.size(); ++t) by_type[t] += other.by_type[t];
    pending += other.pending;
  }
};

Json to_json(const Counts& counts) {
  return {{"count", counts.of(OpType::invoke)},
          {"ok", counts.of(OpType::ok)},
          {"fail", counts.of(OpType::fail)},
          {"info", counts.of(OpType::info)},
          {"pending", counts.pending}};
}

/// Errors counted by function, type and text. A text is a symbol already, so counting hashes one integer;
/// other values are hashed by their bytes.
class ErrorCounts {
 public:
  void add(uint16_t function, OpType type, const ValueView& why) {
    ++counts_[key(function, type, id_of(why))];
  }

  struct Row {
    std::string f;
    OpType type;
    std::string text;
    uint64_t count;
  };
  /// Most frequent first; equal counts by text, so that the order depends on the history alone.
  std::vector<Row> rows(const std::vector<Symbol>& functions) const {
    std::vector<Row> rows;
    for (const auto& [k, count] : counts_)
      rows.push_back({std::string(functions[(k >> 34) & 0xffff].text()), static_cast<OpType>((k >> 32) & 3),
                      text_of(static_cast<uint32_t>(k)), count});
    std::sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
      return std::tie(b.count, a.f, a.type, a.text) < std::tie(a.count, b.f, b.type, b.text);
    });
    return rows;
  }
  size_t distinct() const { return counts_.size(); }

 private:
  static constexpr uint32_t kOther = UINT32_MAX;  // the errors beyond the bound, together

  static uint64_t key(uint16_t function, OpType type, uint32_t id) {
    return (uint64_t{function} << 34) | (static_cast<uint64_t>(type) << 32) | id;
  }

  uint32_t id_of(const ValueView& why) {
    if (why.is_text())
      return find_or_keep(symbols_, why.symbol().id(), [&] { return std::string(why.symbol().text()); });
    const auto edn = [&] { return to_edn(why.to_value()); };
    if (!why.is_list() && !why.is_map()) return find_or_keep(scalars_, edn(), edn);
    const std::string_view bytes(reinterpret_cast<const char*>(why.element_bytes()), why.length());
    return find_or_keep(why.is_list() ? lists_ : maps_, bytes, edn);
  }

  template <typename Map, typename Key, typename Text>
  uint32_t find_or_keep(Map& map, const Key& key, Text&& text) {
    if (const auto at = map.find(key); at != map.end()) return at->second;
    if (texts_.size() >= kErrorsKept) return kOther;
    map.emplace(key, static_cast<uint32_t>(texts_.size()));
    texts_.push_back(valid_utf8(std::string_view(text()).substr(0, kErrorTextLimit)));
    return static_cast<uint32_t>(texts_.size() - 1);
  }

  const std::string& text_of(uint32_t id) const {
    static const std::string kOtherText = "(other errors)";
    return id == kOther ? kOtherText : texts_[id];
  }

  std::unordered_map<uint64_t, uint64_t> counts_;
  std::unordered_map<uint32_t, uint32_t> symbols_;
  std::unordered_map<std::string_view, uint32_t> lists_;  // views into the history
  std::unordered_map<std::string_view, uint32_t> maps_;
  std::unordered_map<std::string, uint32_t> scalars_;
  std::vector<std::string> texts_;
};

struct Tally {
  std::vector<Counts> clients;     // by function id
  std::vector<uint64_t> nemesis;   // by function id: operations
  std::vector<bool> process_seen;  // by process number, up to a bound
  ErrorCounts errors;
  uint64_t nemesis_errors = 0;
};

Tally tally(const History& history) {
  Tally t;
  t.clients.resize(history.functions().size());
  t.nemesis.resize(history.functions().size());
  constexpr Process kProcesses = 1 << 26;
  for (size_t i = 0; i < history.size(); ++i) {
    const uint16_t f = history.function_id(i);
    const OpType type = history.type(i);
    if (!history.is_client(i)) {
      if (history.is_invocation(i))
        ++t.nemesis[f];
      else
        t.nemesis_errors += history.error(i).is_nil() ? 0 : 1;
      continue;
    }
    Counts& counts = t.clients[f];
    ++counts.by_type[static_cast<size_t>(type)];
    if (type == OpType::invoke) {
      counts.pending += history.pair(i) == History::kNone ? 1 : 0;
      const Process p = history.process(i);
      if (p < kProcesses) {
        if (static_cast<size_t>(p) >= t.process_seen.size())
          t.process_seen.resize(static_cast<size_t>(p) + 1);
        t.process_seen[static_cast<size_t>(p)] = true;
      }
    } else if (type != OpType::ok) {
      if (const ValueView why = history.error(i); !why.is_nil()) t.errors.add(f, type, why);
    }
  }
  return t;
}

Json errors_json(const std::vector<ErrorCounts::Row>& rows) {
  Json errors = Json::array();
  for (size_t i = 0; i < rows.size() && i < kErrorsShown; ++i)
    errors.push_back({{"f", valid_utf8(rows[i].f)},
                      {"type", to_text(rows[i].type)},
                      {"error", rows[i].text},
                      {"count", rows[i].count}});
  return errors;
}

std::string summary(const Counts& total) {
  std::string text = counted(total.of(OpType::invoke), "operation") + ": " +
                     grouped(static_cast<int64_t>(total.of(OpType::ok))) + " ok, " +
                     grouped(static_cast<int64_t>(total.of(OpType::fail))) + " failed, " +
                     grouped(static_cast<int64_t>(total.of(OpType::info))) + " unknown";
  if (total.pending > 0) text += ", " + grouped(static_cast<int64_t>(total.pending)) + " never completed";
  return text;
}

class Statistics final : public Checker {
 public:
  std::string name() const override { return "statistics"; }

  CheckResult check(const History& history, const Budget&) const override {
    const Tally t = tally(history);
    CheckResult result;
    result.name = name();
    Counts total;
    Json by_f = Json::object();
    Json nemesis = Json::object();
    std::string never;  // functions that were tried and never succeeded
    for (size_t f = 0; f < t.clients.size(); ++f) {
      const Counts& counts = t.clients[f];
      const std::string text = valid_utf8(history.functions()[f].text());
      if (t.nemesis[f] > 0) nemesis[text] = t.nemesis[f];
      if (counts.of(OpType::invoke) == 0) continue;
      total.add(counts);
      by_f[text] = to_json(counts);
      if (counts.of(OpType::ok) == 0)
        never +=
            (never.empty() ? "" : ", ") + text + " (" + counted(counts.of(OpType::invoke), "attempt") + ")";
    }
    const std::vector<ErrorCounts::Row> errors = t.errors.rows(history.functions());
    Json& details = result.details;
    details = to_json(total);
    details["by_f"] = std::move(by_f);
    details["processes"] = std::count(t.process_seen.begin(), t.process_seen.end(), true);
    if (history.has_times()) {
      details["first_ns"] = history.size() == 0 ? 0 : history.time_ns(0);
      details["last_ns"] = history.size() == 0 ? 0 : history.time_ns(history.size() - 1);
    }
    details["errors"] = errors_json(errors);
    details["errors_left_out"] = errors.size() > kErrorsShown ? errors.size() - kErrorsShown : 0;
    details["nemesis"] = std::move(nemesis);
    details["nemesis_errors"] = t.nemesis_errors;

    if (total.of(OpType::invoke) == 0) {
      result.reason = "vacuous: the history holds no client operation";
    } else if (!never.empty()) {
      result.reason = "vacuous: never succeeded: " + never;
    } else {
      result.verdict = Verdict::valid;
      result.reason = summary(total);
    }
    return result;
  }
};

}  // namespace

CheckerPtr statistics_checker() { return std::make_shared<Statistics>(); }

void add_statistics(Registry& registry) {
  registry.add(CheckerFactory{"statistics",
                              "counts by function, outcome and error; unknown if a function never succeeded",
                              {"statistics"},
                              [](const auto&) -> Result<CheckerPtr> { return statistics_checker(); }});
}

}  // namespace riven::checkers
