// Options of the linearizability checker, from text.
#include <algorithm>
#include <charconv>
#include <optional>

#include "checkers/linearizable/checker.h"
#include "checkers/linearizable/value_text.h"
#include "harness/core/text.h"

namespace riven::linearizable {

namespace {

constexpr Model kModels[] = {Model::cas_register, Model::reg,         Model::multi_register,
                             Model::mutex,        Model::owner_mutex, Model::reentrant_mutex,
                             Model::fenced_mutex, Model::semaphore,   Model::set,
                             Model::fifo_queue,   Model::stack,       Model::priority_queue,
                             Model::counter,      Model::kv,          Model::unordered_queue};
constexpr std::string_view kEngines[] = {"auto", "zones", "versions",       "appends", "queue",
                                         "set",  "stack", "priority-queue", "dfs",     "jit"};

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
    auto initial = parse_value(value);
    if (!initial)
      return Error{"the option initial=" + value +
                   " is no value that EDN or JSON can have: " + initial.error().message};
    o.model.initial = std::move(*initial);
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

using Models = std::vector<Model>;

Models every_model() { return {std::begin(kModels), std::end(kModels)}; }

Models without(const Models& left_out) {
  Models models = every_model();
  std::erase_if(models,
                [&](Model m) { return std::find(left_out.begin(), left_out.end(), m) != left_out.end(); });
  return models;
}

/// Models that an engine may serve, where its history allows; the searches serve all.
Models served_by(Engine engine) {
  switch (engine) {
    case Engine::zones:
    case Engine::versions:
      return {Model::reg, Model::cas_register, Model::kv};
    case Engine::appends:
      return {Model::kv};
    case Engine::set:
      return {Model::set, Model::unordered_queue};
    case Engine::queue:
      return {Model::fifo_queue};
    case Engine::stack:
      return {Model::stack};
    case Engine::priority_queue:
      return {Model::priority_queue};
    default:
      return every_model();
  }
}

/// Models for which the option means something.
Models served_by_option(const std::string& key, const std::string& value) {
  if (key == "permits") return {Model::semaphore};
  if (key == "depth") return {Model::reentrant_mutex};
  if (key == "order") return {Model::priority_queue};
  if (key == "initial") {
    return without(
        {Model::mutex, Model::owner_mutex, Model::reentrant_mutex, Model::fenced_mutex, Model::semaphore});
  }
  if (key == "per-key" && value == "no") return without({Model::kv});
  if (key == "failed-cas" && value == "observe")
    return without({Model::reg, Model::multi_register, Model::counter});
  return every_model();
}

std::string choices(const Models& models) {
  std::vector<std::string> names;
  for (const Model model : models) names.emplace_back(to_text(model));
  return choices(names);
}

bool has(const Models& models, Model model) {
  return std::find(models.begin(), models.end(), model) != models.end();
}

Status check_engine(const Options& options) {
  const Models models = served_by(options.engine);
  if (has(models, options.model.model)) return ok_status();
  return Error{"the engine " + std::string(kEngines[static_cast<size_t>(options.engine)]) +
               " does not serve the model " + std::string(to_text(options.model.model)) + "; it serves " +
               choices(models) + ". dfs, jit and auto serve every model"};
}

/// An option that the model cannot honour is refused.
Status check_option(const Options& options, const std::string& key, const std::string& value) {
  const Models models = served_by_option(key, value);
  if (has(models, options.model.model)) return ok_status();
  return Error{"the option " + key + "=" + value + " does not go with the model " +
               std::string(to_text(options.model.model)) + ", but with " + choices(models)};
}

Status check_initial(const ModelOptions& model, ProjectionOptions::PerKey per_key) {
  const Models lists = {Model::set, Model::fifo_queue, Model::stack, Model::priority_queue,
                        Model::unordered_queue};
  const std::string name(to_text(model.model));
  if (model.initial.is_nil()) return ok_status();
  if (model.model == Model::counter && !model.initial.is_integer())
    return Error{"the initial value of a " + name + " is an integer, such as initial=10"};
  if (model.model == Model::multi_register && model.initial.is_map() &&
      per_key == ProjectionOptions::PerKey::yes)
    return Error{"with per-key=yes the initial value of a " + name + " is one value for all"};
  if (!has(lists, model.model)) return ok_status();
  if (!model.initial.has_elements())
    return Error{"the initial content of a " + name + " is a list of its elements, such as initial=[1 2 3]"};
  for (const Value& element : model.initial.elements())
    if (element.is_nil() && model.model != Model::set)
      return Error{"nil cannot be an element of a " + name + ": it stands for empty"};
  return ok_status();
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
  for (const auto& [key, value] : given) {
    if (auto done = check_option(options, key, value); !done) return done.error();
  }
  options.projection.nil_is_zero = options.model.initial.is_nil();
  if (auto done = check_initial(options.model, options.projection.per_key); !done) return done.error();
  return options;
}

Result<CheckerPtr> make_checker(const std::map<std::string, std::string>& given) {
  auto options = parse_options(given);
  if (!options) return options.error();
  return make_checker(*options);
}

}  // namespace riven::linearizable
