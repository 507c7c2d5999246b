// Options of the linearizability checker, from text.
#include <algorithm>
#include <charconv>
#include <optional>

#include "checkers/linearizable/checker.h"

namespace riven::linearizable {

namespace {

constexpr Model kModels[] = {Model::cas_register, Model::reg,         Model::multi_register,
                             Model::mutex,        Model::owner_mutex, Model::reentrant_mutex,
                             Model::fenced_mutex, Model::semaphore,   Model::set,
                             Model::fifo_queue,   Model::stack,       Model::priority_queue,
                             Model::counter,      Model::kv,          Model::unordered_queue};
constexpr std::string_view kEngines[] = {"auto",  "zones",          "versions", "queue", "set",
                                         "stack", "priority-queue", "dfs",      "jit"};

std::string choices(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

Error wrong(const std::string& key, const std::string& value, const std::string& right) {
  return {"the linearizability checker's option " + key + " cannot be \"" + value +
          "\"; it is one of: " + right};
}

std::optional<int64_t> integer(const std::string& text) {
  int64_t v = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), v);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return v;
}

/// nil, true, false, an integer, :keyword, [a b ...], or else text.
Value parse_value(const std::string& text) {
  if (text.empty() || text == "nil" || text == "null") return {};
  if (text == "true" || text == "false") return Value(text == "true");
  if (const auto i = integer(text)) return Value(*i);
  if (text.front() == '"' && text.back() == '"' && text.size() > 1)
    return Value(text.substr(1, text.size() - 2));
  if (text.front() == ':') return Value::keyword(text.substr(1));
  if (text.front() != '[' || text.back() != ']') return Value(text);
  Value::List items;
  std::string word;
  for (const char c : text.substr(1, text.size() - 2) + " ") {
    if (c != ' ' && c != ',') {
      word += c;
    } else if (!word.empty()) {
      items.push_back(parse_value(word));
      word.clear();
    }
  }
  return Value(std::move(items));
}

/// In any case of letters.
bool same_name(std::string_view x, std::string_view y) {
  return std::equal(x.begin(), x.end(), y.begin(), y.end(),
                    [](char a, char b) { return a == b || (a >= 'a' && a <= 'z' && a - 'a' + 'A' == b); });
}

template <typename T>
struct Choice {
  std::string_view text;
  T value;
};

template <typename T, size_t kCount>
Status choose(const std::string& key, const std::string& text, const Choice<T> (&table)[kCount], T& out) {
  std::vector<std::string> names;
  for (const auto& choice : table) {
    if (choice.text == text) {
      out = choice.value;
      return ok_status();
    }
    names.emplace_back(choice.text);
  }
  return wrong(key, text, choices(names));
}

Status set_option(Options& o, const std::string& key, const std::string& value) {
  using PerKey = ProjectionOptions::PerKey;
  using FailedCas = ProjectionOptions::FailedCas;
  static constexpr Choice<PerKey> kPerKey[] = {
      {"auto", PerKey::automatic}, {"yes", PerKey::yes}, {"no", PerKey::no}};
  static constexpr Choice<FailedCas> kFailedCas[] = {
      {"auto", FailedCas::automatic}, {"observe", FailedCas::observe}, {"ignore", FailedCas::ignore}};
  static constexpr Choice<bool> kOrder[] = {{"max", false}, {"min", true}};
  static constexpr Choice<bool> kWitness[] = {{"yes", true}, {"no", false}};
  if (key == "model") {
    for (const Model model : kModels) {
      if (!same_name(to_text(model), value)) continue;
      o.model.model = o.projection.model = model;
      return ok_status();
    }
    return wrong(key, value, choices(model_names()));
  }
  if (key == "engine") {
    const auto at = std::find_if(std::begin(kEngines), std::end(kEngines),
                                 [&](std::string_view name) { return same_name(name, value); });
    if (at == std::end(kEngines)) return wrong(key, value, choices(engine_names()));
    o.engine = static_cast<Engine>(at - std::begin(kEngines));
    return ok_status();
  }
  if (key == "per-key") return choose(key, value, kPerKey, o.projection.per_key);
  if (key == "failed-cas") return choose(key, value, kFailedCas, o.projection.failed_cas);
  if (key == "order") return choose(key, value, kOrder, o.model.smallest_first);
  if (key == "witness") return choose(key, value, kWitness, o.want_order);
  if (key == "initial") {
    o.model.initial = parse_value(value);
    return ok_status();
  }
  if (key == "permits" || key == "depth") {
    const auto number = integer(value);
    if (!number || *number < (key == "permits" ? 1 : 0) || *number > INT32_MAX)
      return wrong(key, value, "a positive integer");
    (key == "permits" ? o.model.permits : o.model.depth) = *number;
    return ok_status();
  }
  return Error{"the linearizability checker has no option \"" + key +
               "\"; it has: model, engine, per-key, failed-cas, initial, permits, depth, order, witness"};
}

/// Models that an engine may serve, where its history allows; the searches serve all.
std::vector<Model> served_by(Engine engine) {
  switch (engine) {
    case Engine::zones:
    case Engine::versions:
      return {Model::reg, Model::cas_register, Model::kv};
    case Engine::set:
      return {Model::set, Model::unordered_queue};
    case Engine::queue:
      return {Model::fifo_queue};
    case Engine::stack:
      return {Model::stack};
    case Engine::priority_queue:
      return {Model::priority_queue};
    default:
      return {std::begin(kModels), std::end(kModels)};
  }
}

Status check_engine(const Options& options) {
  std::vector<std::string> names;
  for (const Model model : served_by(options.engine)) {
    if (model == options.model.model) return ok_status();
    names.emplace_back(to_text(model));
  }
  return Error{"the engine " + std::string(kEngines[static_cast<size_t>(options.engine)]) +
               " does not serve the model " + std::string(to_text(options.model.model)) + "; it serves " +
               choices(names) + ". dfs, jit and auto serve every model"};
}

}  // namespace

std::vector<std::string> model_names() {
  std::vector<std::string> names;
  for (const Model model : kModels) names.emplace_back(to_text(model));
  return names;
}

std::vector<std::string> engine_names() { return {std::begin(kEngines), std::end(kEngines)}; }

Result<Options> parse_options(const std::map<std::string, std::string>& given) {
  Options options;
  for (const auto& [key, value] : given) {
    if (auto done = set_option(options, key, value); !done) return done.error();
  }
  if (auto done = check_engine(options); !done) return done.error();
  return options;
}

Result<CheckerPtr> make_checker(const std::map<std::string, std::string>& given) {
  auto options = parse_options(given);
  if (!options) return options.error();
  return make_checker(*options);
}

}  // namespace riven::linearizable
