#include <algorithm>
#include <charconv>

#include "checkers/isolation/analysis.h"
#include "checkers/isolation/counters.h"
#include "checkers/isolation/evidence.h"
#include "checkers/isolation/proof/verified.h"
#include "checkers/threads.h"
#include "harness/api/registry.h"
#include "harness/core/join.h"

namespace riven::checkers {

namespace {

using namespace isolation;

Json models_json(const Decisions& d) {
  Json holds = Json::array();
  Json refuted = Json::array();
  Json also_refuted = Json::array();
  Json undecided = Json::array();
  const ModelSet weak = weakest(d.refuted());
  for (size_t i = 0; i < kModels; ++i) {
    const auto m = static_cast<Model>(i);
    const std::string name(name_of(m));
    switch (d.standing(m)) {
      case Standing::holds:
        holds.push_back(name);
        break;
      case Standing::refuted:
        ((weak & bit(m)) != 0 ? refuted : also_refuted).push_back(name);
        break;
      case Standing::undecided:
        undecided.push_back({{"model", name}, {"why", d.why(m)}});
        break;
    }
  }
  return {{"holds", holds}, {"refuted", refuted}, {"also_refuted", also_refuted}, {"undecided", undecided}};
}

std::string names_of(ModelSet set) {
  return joined(members(set), ", ", [](Model m) { return name_of(m); });
}

std::string functions_of_clients(const History& history) {
  std::vector<bool> seen(history.functions().size(), false);
  std::string names;
  for (size_t i = 0; i < history.size(); ++i) {
    if (!history.is_client(i) || seen[history.function_id(i)]) continue;
    seen[history.function_id(i)] = true;
    names += (names.empty() ? "" : ", ") + std::string(history.f(i).text());
  }
  return names;
}

class IsolationChecker final : public Checker {
 public:
  /// `orders_given`: the options say how versions of registers are put in order.
  IsolationChecker(Model model, AnalysisOptions options, bool orders_given)
      : model_(model), options_(std::move(options)), orders_given_(orders_given) {}
  std::string name() const override { return "isolation"; }

  CheckResult check(const History& history, const Budget& budget) const override {
    CheckResult result;
    result.name = name();
    result.details["model"] = std::string(name_of(model_));
    auto analysed = analyse(history, options_, budget);
    if (const std::string why =
            analysed ? why_not_of_this_model(history, *analysed) : analysed.error().message;
        !why.empty()) {
      result.reason = "the history cannot be judged: " + why;
      result.details["not-of-this-model"] = true;
      result.details["elle_json"] = {{"valid?", "unknown"}, {"anomaly-types", Json::array()}};
      return result;
    }
    const auto proof = keep_verified(history, model_, threads_of(budget), *analysed);
    judge(*analysed, result);
    add_counts(*analysed, result);
    if (analysed->transactions.own_keys != nullptr && has_counters(history))
      result.details["workload"] = "counter";
    result.details["models"] = models_json(analysed->decisions);
    add_evidence(history, *analysed, model_, proof, result);
    result.details["elle_json"] = elle_json(*analysed, proof, result.verdict);
    return result;
  }

 private:
  /// Empty: it is.
  std::string why_not_of_this_model(const History& history, const Analysis& a) const {
    const Transactions& t = a.transactions;
    if (t.ignored > 0 && t.state.empty())
      return "none of its operations (" + functions_of_clients(history) +
             ") is a transaction, a list of [:r key value], [:append key value] or [:w key value]";
    if (orders_given_ && !t.state.empty() && a.kind != HistoryKind::registers)
      return "version-orders is about registers, and these transactions are no reads and writes of "
             "registers: "
             "leave the option out";
    return {};
  }

  void judge(const Analysis& a, CheckResult& result) const {
    const ModelSet weak = weakest(a.decisions.refuted());
    switch (a.decisions.standing(model_)) {
      case Standing::refuted:
        result.verdict = Verdict::invalid;
        result.reason =
            "not " + std::string(name_of(model_)) + "; the weakest models refuted: " + names_of(weak);
        return;
      case Standing::undecided:
        result.reason = std::string(name_of(model_)) + " is undecided: " + a.decisions.why(model_);
        return;
      case Standing::holds:
        break;
    }
    if (a.transactions.ok_count == 0 || a.transactions.mops.empty()) {
      result.reason = "vacuous: no transaction with a micro-operation succeeded";
      return;
    }
    result.verdict = Verdict::valid;
    result.reason = std::string(name_of(model_)) + " holds";
    if (weak != 0) result.reason += "; refuted: " + names_of(weak);
  }

  static void add_counts(const Analysis& a, CheckResult& result) {
    const Transactions& t = a.transactions;
    const auto count = [&](TxnState s) {
      return static_cast<uint64_t>(std::count(t.state.begin(), t.state.end(), s));
    };
    result.details["workload"] = t.own_keys != nullptr                 ? "set"
                                 : !t.places.empty()                   ? "closed-predicate"
                                 : t.workload == Workload::list_append ? "list-append"
                                                                       : "rw-register";
    result.details["transactions"] = {{"ok", count(TxnState::ok)},
                                      {"failed", count(TxnState::failed)},
                                      {"unknown-but-observed", count(TxnState::observed)},
                                      {"unknown", count(TxnState::unknown)},
                                      {"ignored-operations", t.ignored}};
    result.details["micro_operations"] = t.mops.size();
    result.details["keys"] = t.keys.size();
    result.details["sessions"] = t.sessions;
    result.details["dependencies"] = a.dependency_count;
    result.details["cyclic_parts"] = {{"count", a.suspects}, {"largest", a.largest_suspect}};
  }

  Model model_;
  AnalysisOptions options_;
  bool orders_given_;
};

Result<AnalysisOptions> read_options(const std::map<std::string, std::string>& options) {
  AnalysisOptions out;
  for (const auto& [key, value] : options) {
    if (key == "model") continue;
    if (key == "workload") {
      if (value == "append" || value == "list-append")
        out.workload = Workload::list_append;
      else if (value == "wr" || value == "rw-register" || value == "rmw")
        out.workload = Workload::rw_register;
      else if (value != "auto" && !value.empty())
        return Error{"workload " + value + ": expected append, wr, rmw or auto"};
    } else if (key == "version-orders") {
      RegisterOptions registers{false, false, false, false, false};
      for (size_t at = 0; at <= value.size();) {
        const size_t comma = std::min(value.find(',', at), value.size());
        const std::string one = value.substr(at, comma - at);
        at = comma + 1;
        if (one == "initial")
          registers.initial = true;
        else if (one == "wfr" || one == "rmw")
          registers.write_follows_read = true;
        else if (one == "numbers" || one == "explicit")
          registers.numbers = true;
        else if (one == "sequential-keys")
          registers.sequential_keys = true;
        else if (one == "linearizable-keys")
          registers.linearizable_keys = true;
        else if (!one.empty())
          return Error{"version-orders " + one +
                       ": expected some of initial, wfr, rmw, numbers, sequential-keys, linearizable-keys"};
      }
      out.registers = registers;
    } else if (key == "real-time") {
      if (value != "yes" && value != "no") return Error{"real-time " + value + ": expected yes or no"};
      out.real_time = value == "yes";
    } else if (key == "witnesses") {
      const auto end = std::from_chars(value.data(), value.data() + value.size(), out.witnesses);
      if (end.ec != std::errc() || end.ptr != value.data() + value.size() || out.witnesses == 0)
        return Error{"witnesses " + value + ": expected a number from 1"};
    } else {
      return Error{"the isolation checker has no option " + key +
                   "; it has workload, version-orders, real-time and witnesses"};
    }
  }
  if (out.workload == Workload::list_append && options.count("version-orders") != 0)
    return Error{
        "version-orders is about registers: with appends, the lists read tell the order of versions"};
  if (!out.real_time && out.registers.linearizable_keys)
    return Error{"version-orders linearizable-keys: the history has no real time, of which this speaks"};
  return out;
}

}  // namespace

/// Transactional isolation of list-append and register histories.
void add_isolation(Registry& registry) {
  CheckerFactory factory;
  factory.name = "isolation";
  factory.description = "transactions on lists and registers against every isolation and consistency model";
  factory.models = all_names();  // the default first
  const auto strictest = std::find(factory.models.begin(), factory.models.end(), "strict-serializable");
  std::rotate(factory.models.begin(), strictest, strictest + 1);
  factory.make = [](const std::map<std::string, std::string>& options) -> Result<CheckerPtr> {
    const auto asked = options.find("model");
    const std::string name =
        asked == options.end() || asked->second.empty() ? "strict-serializable" : asked->second;
    const auto model = model_named(name);
    if (!model) return Error{"model " + name + ": not known; `riven list` names them"};
    auto analysis = read_options(options);
    if (!analysis) return analysis.error();
    return CheckerPtr(
        std::make_shared<IsolationChecker>(*model, *analysis, options.count("version-orders") != 0));
  };
  registry.add(std::move(factory));
}

}  // namespace riven::checkers
