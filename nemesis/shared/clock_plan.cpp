#include "nemesis/shared/clock_plan.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "harness/core/join.h"
#include "nemesis/shared/fields.h"
#include "nemesis/shared/node_choice.h"

namespace riven {
namespace {

constexpr double kNanosPerMs = 1e6;
constexpr int64_t kMaxSkewMs = int64_t{10} * 366 * 86'400 * 1000;  // as far as the agent goes
constexpr double kMaxDriftPpm = 500'000;

struct Word {
  const char* word;
  std::vector<const char*> keys;
};
const std::vector<Word>& words() {
  static const std::vector<Word> kWords = {{"jump", {"offset-ms"}},
                                           {"drift", {"ppm"}},
                                           {"strobe", {"delta-ms", "period-ms"}},
                                           {"leap", {"leap-ms", "after-ms"}},
                                           {"smear", {"leap-ms", "over-ms"}},
                                           {"scramble", {"within-ms", "offsets-ms"}}};
  return kWords;
}

/// A whole number where it is one, so that texts stay short.
Value number_value(double number) {
  const double whole = std::nearbyint(number);
  return whole == number && std::abs(whole) < 1e15 ? Value(static_cast<int64_t>(whole)) : Value(number);
}

/// Small ones as likely as great ones, of either sign.
double spread_wide(Rng& rng, double least, double most, bool either_sign) {
  constexpr uint64_t kSteps = 1'000'000;
  const double share = static_cast<double>(rng.below(kSteps)) / kSteps;
  const double drawn = std::nearbyint(least * std::pow(most / least, share));
  return either_sign && rng.below(2) == 0 ? -drawn : drawn;
}

/// Reads numbers of one spec and builds its exact form.
class Reader {
 public:
  Reader(const Value& spec, const std::string& name) : spec_(spec) { add("clock", Value(name)); }

  /// The number at `key`, or `fallback`; 0 and an error when it is out of range or none.
  double number(const char* key, double fallback, double least, double most, bool in_exact_form = true) {
    const Value told = field(spec_, key);
    double number = fallback;
    if (!told.is_nil()) {
      const std::optional<double> read = number_of(told);
      if (!read) return fail(std::string(key) + " must be a number");
      number = *read;
    }
    if (!(number >= least && number <= most)) {
      return fail(std::string(key) + " must be " + to_edn(number_value(least)) + " to " +
                  to_edn(number_value(most)) + ", not " + to_edn(number_value(number)));
    }
    if (in_exact_form) add(key, number_value(number));
    return number;
  }
  double milliseconds(const char* key, double fallback, double least) {
    return number(key, fallback, least, static_cast<double>(kMaxSkewMs));
  }
  void add(const char* key, Value value) {
    exact_.emplace_back(key);
    exact_.push_back(std::move(value));
  }
  double fail(std::string why) {
    if (error_.empty()) error_ = std::move(why);
    return 0;
  }
  const std::string& error() const { return error_; }
  Value exact() const { return Value::map(exact_); }

 private:
  const Value& spec_;
  Value::List exact_;
  std::string error_;
};

int64_t in_ns(double milliseconds) { return std::llround(milliseconds * kNanosPerMs); }

constexpr double kMost = static_cast<double>(kMaxSkewMs);

Json leap_shape(const std::string& name, Reader& reader) {
  const double leap_ms = reader.number("leap-ms", -1000, -kMost, kMost);
  if (name == "leap") {
    return {{"step_ns", in_ns(leap_ms)}, {"step_after_ns", in_ns(reader.milliseconds("after-ms", 1000, 0))}};
  }
  const double over_ms = reader.milliseconds("over-ms", 10'000, 1);
  const double ppm = leap_ms / over_ms * 1e6;
  if (std::abs(ppm) > kMaxDriftPpm) reader.fail("a second is smeared over at least two");
  return {{"drift_ppb", std::llround(ppm * 1000)}, {"drift_for_ns", in_ns(over_ms)}};
}

/// The same for all nodes; not for scramble.
Json shape_of(const std::string& name, Reader& reader, Rng& rng) {
  if (name == "jump") {
    // 1.5^6 to 1.5^31 milliseconds, which is what Jepsen's clock nemesis draws from.
    return {
        {"offset_ns", in_ns(reader.number("offset-ms", spread_wide(rng, 11, 288'000, true), -kMost, kMost))}};
  }
  if (name == "drift") {
    const double ppm =
        reader.number("ppm", spread_wide(rng, 1000, 50'000, true), -kMaxDriftPpm, kMaxDriftPpm);
    return {{"drift_ppb", std::llround(ppm * 1000)}};
  }
  if (name == "strobe") {
    const double delta_ms = reader.number("delta-ms", spread_wide(rng, 4, 262'144, false), -kMost, kMost);
    const double period_ms = reader.milliseconds("period-ms", spread_wide(rng, 1, 1024, false), 0.001);
    return {{"strobe_ns", in_ns(delta_ms)}, {"strobe_period_ns", 2 * in_ns(period_ms)}};
  }
  return leap_shape(name, reader);
}

/// An offset for each node, by chance or as told.
Status scramble(const Value& spec, const FaultTarget& target, Rng& rng, ClockPlan& plan, Reader& reader) {
  const Value told = field(spec, "offsets-ms");
  if (!told.is_nil() && !told.is_map()) return Error{"offsets-ms must be a map from nodes to milliseconds"};
  Value::List shown;
  if (told.is_map()) {
    const Value::List& flat = told.flat_map();
    std::map<size_t, double> offsets;
    for (size_t i = 0; i + 1 < flat.size(); i += 2) {
      if (!is_text(flat[i])) return Error{"offsets-ms must be a map from nodes to milliseconds"};
      const Result<size_t> node = node_named(std::string(flat[i].text()), target.nodes);
      if (!node) return node.error();
      const std::optional<double> offset_ms = number_of(flat[i + 1]);
      if (!offset_ms) return Error{"offsets-ms must hold numbers"};
      offsets[*node] = *offset_ms;
    }
    plan.nodes.clear();
    for (const auto& [node, offset_ms] : offsets) {
      if (std::abs(offset_ms) > kMost) return Error{"offsets-ms is out of range"};
      plan.nodes.push_back(node);
      plan.shapes.push_back({{"offset_ns", in_ns(offset_ms)}});
    }
    if (plan.nodes.empty()) return Error{"offsets-ms names no node"};
    reader.add("offsets-ms", told);
    return ok_status();
  }
  const double within_ms = reader.number("within-ms", 60'000, 1, kMost, false);
  if (!reader.error().empty()) return Error{reader.error()};
  for (const size_t node : plan.nodes) {
    const auto most = static_cast<int64_t>(within_ms);
    const int64_t drawn_ms = rng.between(-most, most - 1);
    const int64_t offset_ms = drawn_ms < 0 ? drawn_ms : drawn_ms + 1;
    plan.shapes.push_back({{"offset_ns", in_ns(static_cast<double>(offset_ms))}});
    shown.emplace_back(target.nodes[node].name);
    shown.emplace_back(offset_ms);
  }
  reader.add("offsets-ms", Value::map(std::move(shown)));
  return ok_status();
}

Status check_keys(const Value& spec, const std::string& name) {
  if (!spec.is_map()) return ok_status();
  const auto word =
      std::find_if(words().begin(), words().end(), [&](const Word& w) { return w.word == name; });
  const Value::List& flat = spec.flat_map();
  for (size_t i = 0; i < flat.size(); i += 2) {
    const std::string key(is_text(flat[i]) ? std::string(flat[i].text()) : to_edn(flat[i]));
    const bool known =
        std::any_of(word->keys.begin(), word->keys.end(), [&](const char* k) { return key == k; });
    if (!known && key != "clock" && key != "nodes")
      return Error{"the clock fault " + name + " has no " + key};
  }
  return ok_status();
}

/// The word that the keys of a map without one speak of; empty: none does.
std::string word_by_keys(const Value& spec) {
  if (!spec.is_map()) return {};
  const Value::List& flat = spec.flat_map();
  for (const Word& word : words()) {
    for (size_t i = 0; i < flat.size(); i += 2) {
      for (const char* key : word.keys) {
        if (flat[i].is_name(key)) return word.word;
      }
    }
  }
  return {};
}

}  // namespace

std::vector<std::string> clock_words() {
  std::vector<std::string> all;
  for (const Word& word : words()) all.emplace_back(word.word);
  return all;
}

std::vector<std::string> clock_keys() {
  std::vector<std::string> keys;
  for (const Word& word : words()) {
    for (const char* key : word.keys) {
      if (std::find(keys.begin(), keys.end(), key) == keys.end()) keys.emplace_back(key);
    }
  }
  return keys;
}

Result<ClockPlan> plan_clock(const Value& spec, const FaultTarget& target, Rng& rng) {
  if (!spec.is_nil() && !spec.is_map() && !is_text(spec)) {
    return Error{"a clock fault is a word or a map, not " + to_edn(spec)};
  }
  const Value told = is_text(spec) ? spec : field(spec, "clock");
  if (!told.is_nil() && !is_text(told)) return Error{"clock must be a word, not " + to_edn(told)};
  ClockPlan plan;
  plan.name = told.is_nil() ? word_by_keys(spec) : std::string(told.text());
  if (plan.name.empty()) plan.name = "random";
  const std::vector<std::string> known = clock_words();
  if (plan.name == "random") plan.name = known[rng.below(known.size())];
  if (std::find(known.begin(), known.end(), plan.name) == known.end()) {
    return Error{"unknown clock fault '" + plan.name + "' (known: " + joined(known) + ")"};
  }
  if (Status keys = check_keys(spec, plan.name); !keys) return keys.error();
  Reader reader(spec, plan.name);
  const Value who = field(spec, "nodes");
  Result<std::vector<size_t>> nodes =
      choose_nodes(who.is_nil() && plan.name == "scramble" ? Value("all") : who, target, rng);
  if (!nodes) return nodes.error();
  plan.nodes = *nodes;
  if (plan.name == "scramble") {
    if (Status scrambled = scramble(spec, target, rng, plan, reader); !scrambled) return scrambled.error();
  } else {
    plan.shapes.assign(plan.nodes.size(), shape_of(plan.name, reader, rng));
  }
  if (!reader.error().empty()) return Error{reader.error()};
  const auto changes = [](const Json& shape) {
    return std::any_of(shape.begin(), shape.end(), [](const Json& number) { return number != 0; });
  };
  if (!std::any_of(plan.shapes.begin(), plan.shapes.end(), changes))
    return Error{"this clock fault changes nothing"};
  reader.add("nodes", names_of(plan.nodes, target.nodes));
  plan.exact = reader.exact();
  return plan;
}

}  // namespace riven
