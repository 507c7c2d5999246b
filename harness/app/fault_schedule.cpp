#include "harness/app/fault_schedule.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <sstream>

#include "harness/app/units.h"
#include "harness/core/clock.h"
#include "harness/core/join.h"
#include "harness/core/json.h"
#include "nemesis/shared/node_choice.h"

namespace riven {

namespace {

constexpr std::string_view kBlanks = " \t\r";

Error at_line(const std::string& file, size_t line, const std::string& what) {
  return Error{file + ":" + std::to_string(line) + ": " + what};
}

/// The end of the JSON value that begins at `at`: past its closing bracket or quote; npos if there is none.
size_t json_end(std::string_view text, size_t at) {
  int depth = 0;
  bool quoted = false;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (quoted) {
      if (c == '\\') ++at;
      if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      --depth;
    }
    if (depth == 0 && !quoted) return at + 1;
  }
  return std::string_view::npos;
}

/// Words and JSON values of a line, up to a comment.
Result<std::vector<std::string>> tokens_of(std::string_view line) {
  std::vector<std::string> tokens;
  for (size_t at = line.find_first_not_of(kBlanks); at < line.size() && line[at] != '#';
       at = line.find_first_not_of(kBlanks, at)) {
    size_t end = 0;
    if (line[at] == '{' || line[at] == '[' || line[at] == '"') {
      end = json_end(line, at);
      if (end == std::string_view::npos) return Error{"the JSON value that begins here does not end"};
    } else {
      end = std::min(line.find_first_of(kBlanks, at), line.size());
    }
    tokens.emplace_back(line.substr(at, end - at));
    at = end;
  }
  return tokens;
}

Value value_of(const std::string& word) {
  if (word.find(',') != std::string::npos) {
    Value::List items;
    std::istringstream in(word);
    std::string item;
    while (std::getline(in, item, ',')) items.emplace_back(item);
    return items;
  }
  if (word == "true" || word == "false") return Value(word == "true");
  const char* const end = word.data() + word.size();
  int64_t whole = 0;
  if (const auto read = std::from_chars(word.data(), end, whole); read.ec == std::errc() && read.ptr == end)
    return Value(whole);
  double real = 0;
  if (const auto read = std::from_chars(word.data(), end, real); read.ec == std::errc() && read.ptr == end)
    return Value(real);
  return Value(word);
}

/// WHAT of a line, tokens [first, last).
Status read_what(const std::vector<std::string>& tokens, size_t first, size_t last, ScheduledFault& into) {
  if (first == last) return ok_status();
  if (const char begin = tokens[first].front(); begin == '{' || begin == '[' || begin == '"') {
    const auto json = Json::parse(tokens[first]);
    if (!json) return Error{"'" + tokens[first] + "' is no JSON value"};
    if (last - first > 1) return Error{"nothing but `for TIME` may follow a JSON value"};
    into.value = from_json(*json);
    return ok_status();
  }
  Value::List map;
  for (size_t i = first; i < last; ++i) {
    const std::string& token = tokens[i];
    if (const size_t equals = token.find('='); equals != std::string::npos) {
      if (equals == 0 || equals + 1 == token.size())
        return Error{"'" + token + "' must be KEY=VALUE, without blanks"};
      map.insert(map.end(), {token.substr(0, equals), value_of(token.substr(equals + 1))});
    } else if (i + 1 < last && tokens[i + 1].find('=') == std::string::npos) {
      map.insert(map.end(), {token, value_of(tokens[++i])});
    } else if (i == first) {
      into.word = token;
    } else {
      return Error{"'" + token + "' stands alone; write KEY=VALUE"};
    }
  }
  if (!map.empty()) into.value = Value::map(std::move(map));
  return ok_status();
}

Result<int64_t> time_of(const std::vector<std::string>& tokens, size_t at, const std::string& after) {
  const std::string said = at < tokens.size() ? tokens[at] : std::string();
  const auto ns = parse_duration_ns(said);
  if (!ns) return Error{"'" + after + "' takes a time such as 8s or 500ms, not '" + said + "'"};
  return *ns;
}

Result<ScheduledFault> parse_line(const std::vector<std::string>& tokens) {
  constexpr const char* kForm = "write `at TIME FAULT [WHAT] [for TIME]` or `at TIME heal FAULT`";
  ScheduledFault fault;
  if (tokens[0] != "at") return Error{std::string("a line begins with 'at': ") + kForm};
  Result<int64_t> at = time_of(tokens, 1, "at");
  if (!at) return at.error();
  fault.at_ns = *at;
  if (tokens.size() < 3) return Error{std::string("no fault is named: ") + kForm};
  fault.heal = tokens[2] == "heal";
  if (fault.heal) {
    if (tokens.size() != 4) return Error{"'heal' takes the name of one fault"};
    fault.fault = tokens[3];
    return fault;
  }
  fault.fault = tokens[2].substr(0, tokens[2].find('/'));
  if (fault.fault.size() < tokens[2].size()) fault.function = tokens[2].substr(fault.fault.size() + 1);
  size_t last = tokens.size();
  const auto word = std::find(tokens.begin() + 3, tokens.end(), "for");
  if (word != tokens.end()) {
    last = static_cast<size_t>(word - tokens.begin());
    Result<int64_t> length = time_of(tokens, last + 1, "for");
    if (!length) return length.error();
    if (*length <= 0) return Error{"'for' takes a time above zero"};
    if (last + 2 != tokens.size()) return Error{"'for TIME' stands at the end of a line"};
    fault.for_ns = *length;
  }
  if (Status read = read_what(tokens, 3, last, fault); !read) return read.error();
  return fault;
}

/// One line's operations before they are put in order.
struct Bound {
  int64_t at_ns;
  bool begins;
  size_t line;
  const NamedPackage* of;
  gen::Draft draft;
};

class Binder {
 public:
  Binder(const FaultSchedule& schedule, const std::vector<NamedPackage>& packages, FaultTarget shape,
         int64_t time_limit_ns)
      : schedule_(schedule), packages_(packages), shape_(std::move(shape)), time_limit_ns_(time_limit_ns) {}

  Result<std::vector<ScheduledOp>> bind() {
    for (const ScheduledFault& line : schedule_.lines) {
      if (Status read = read_line(line); !read)
        return at_line(schedule_.file, line.line, read.error().message);
    }
    // At one moment what ends goes before what begins.
    std::stable_sort(bound_.begin(), bound_.end(), [](const Bound& a, const Bound& b) {
      return a.at_ns != b.at_ns ? a.at_ns < b.at_ns : !a.begins && b.begins;
    });
    return in_order();
  }

 private:
  Status read_line(const ScheduledFault& line) {
    const NamedPackage* const of = package_of(line.fault);
    if (of == nullptr) return Error{"no fault is called '" + line.fault + "'; there are " + known()};
    const PlotSpan& span = of->package->span;
    if (line.at_ns >= time_limit_ns_) {
      return Error{"at " + format_duration(line.at_ns) + " the run is over: ask for more than --time-limit " +
                   format_duration(time_limit_ns_)};
    }
    if (line.heal) {
      bound_.push_back({line.at_ns, false, line.line, of, gen::op(span.stops.front())});
      return ok_status();
    }
    Result<Value> value = value_for(line, *of->factory);
    if (!value) return value.error();
    std::string function = line.function.empty() ? span.starts.front() : line.function;
    if (std::find(span.starts.begin(), span.starts.end(), function) == span.starts.end())
      return Error{"the fault " + line.fault + " has no operation '" + function + "' that begins it"};
    if (!has_word_of_the_run(*value, shape_.groups)) {
      Op op;
      op.f = Symbol(function);
      op.value = *value;
      if (auto plan = of->package->nemesis->plan(shape_, op); !plan) return plan.error();
    }
    bound_.push_back({line.at_ns, true, line.line, of, gen::op(function, *value)});
    if (line.for_ns > 0)
      bound_.push_back({line.at_ns + line.for_ns, false, line.line, of, gen::op(span.stops.front())});
    return ok_status();
  }

  static Result<Value> value_for(const ScheduledFault& line, const FaultFactory& factory) {
    if (line.word.empty()) return line.value;
    if (factory.word.empty()) return value_of(line.word);
    Value::List map = {factory.word, value_of(line.word)};
    if (line.value.is_map()) {
      if (line.value.find(factory.word) != nullptr)
        return Error{"'" + line.word + "' and " + factory.word + "= say the same thing twice"};
      map.insert(map.end(), line.value.flat_map().begin(), line.value.flat_map().end());
    }
    return Value::map(std::move(map));
  }

  Result<std::vector<ScheduledOp>> in_order() const {
    std::vector<ScheduledOp> operations;
    std::map<const NamedPackage*, std::pair<size_t, size_t>> open;  // position and line of what began it
    for (const Bound& each : bound_) {
      const auto before = open.find(each.of);
      std::optional<size_t> closes;
      if (each.begins && before != open.end()) {
        return at_line(schedule_.file, each.line,
                       each.of->factory->name + " is still in force from line " +
                           std::to_string(before->second.second) + ": end that one first");
      }
      if (!each.begins && before == open.end()) {
        return at_line(schedule_.file, each.line,
                       each.of->factory->name + " is not in force at " + format_duration(each.at_ns) +
                           ": there is nothing to heal");
      }
      if (each.begins) {
        open[each.of] = {operations.size(), each.line};
      } else {
        closes = before->second.first;
        open.erase(before);
      }
      operations.push_back({each.at_ns, each.draft, closes});
    }
    return operations;
  }

  const NamedPackage* package_of(const std::string& name) const {
    const auto found = std::find_if(packages_.begin(), packages_.end(),
                                    [&](const NamedPackage& each) { return each.factory->name == name; });
    return found == packages_.end() ? nullptr : &*found;
  }
  std::string known() const {
    if (packages_.empty()) return "none";
    return joined(packages_, ", ", [](const NamedPackage& each) { return each.factory->name; });
  }

  const FaultSchedule& schedule_;
  const std::vector<NamedPackage>& packages_;
  FaultTarget shape_;
  int64_t time_limit_ns_;
  std::vector<Bound> bound_;
};

}  // namespace

std::vector<std::string> FaultSchedule::faults() const {
  std::set<std::string> names;
  for (const ScheduledFault& line : lines) names.insert(line.fault);
  return {names.begin(), names.end()};
}

Result<FaultSchedule> parse_schedule(const std::string& text, const std::string& file) {
  FaultSchedule schedule;
  schedule.file = file;
  std::istringstream in(text);
  std::string line;
  for (size_t number = 1; std::getline(in, line); ++number) {
    Result<std::vector<std::string>> tokens = tokens_of(line);
    if (!tokens) return at_line(file, number, tokens.error().message);
    if (tokens->empty()) continue;
    Result<ScheduledFault> fault = parse_line(*tokens);
    if (!fault) return at_line(file, number, fault.error().message);
    fault->line = number;
    schedule.lines.push_back(std::move(*fault));
  }
  return schedule;
}

Result<FaultSchedule> read_schedule(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream content;
  content << in.rdbuf();
  if (!in) return Error{"cannot read the schedule " + file};
  return parse_schedule(content.str(), file);
}

void use_current_names(FaultSchedule& schedule, const Registry& registry) {
  for (ScheduledFault& line : schedule.lines) {
    if (const FaultFactory* const factory = registry.find<FaultFactory>(line.fault))
      line.fault = factory->name;
  }
}

Result<std::vector<ScheduledOp>> bind_schedule(const FaultSchedule& schedule,
                                               const std::vector<NamedPackage>& packages, FaultTarget shape,
                                               int64_t time_limit_ns) {
  return Binder(schedule, packages, std::move(shape), time_limit_ns).bind();
}

void ScheduleLog::note(const FaultStep& step, const PlotSpan& span) {
  if (step.begins) {
    entries_.push_back({step, step.f.text() == span.starts.front(), -1});
    return;
  }
  const auto open = std::find_if(entries_.rbegin(), entries_.rend(), [&](const Entry& entry) {
    return entry.step.fault == step.fault && entry.step.not_done.empty();
  });
  if (open != entries_.rend() && open->end_ns < 0) open->end_ns = step.time_ns;
}

int64_t ScheduleLog::precision_ns() const {
  int64_t shortest = INT64_MAX;
  int64_t before = INT64_MIN / 2;
  for (const Entry& entry : entries_) {
    shortest = std::min(shortest, entry.step.time_ns - before);
    if (entry.end_ns >= 0) shortest = std::min(shortest, entry.end_ns - entry.step.time_ns);
    before = entry.end_ns >= 0 ? entry.end_ns : entry.step.time_ns;
  }
  constexpr int64_t kPlenty = 10 * kNanosPerMilli;
  return shortest >= kPlenty ? kNanosPerMilli : 1;
}

std::string ScheduleLog::text() const {
  const int64_t unit = precision_ns();
  const auto rounded = [&](int64_t ns) { return (ns + unit / 2) / unit * unit; };
  std::string text;
  for (const std::string& line : head_) text += "# " + line + "\n";
  for (const Entry& entry : entries_) {
    const FaultStep& step = entry.step;
    const int64_t at_ns = rounded(step.time_ns);
    if (!step.not_done.empty())
      text += "# not done (" + step.not_done.substr(0, step.not_done.find('\n')) + "): ";
    text += "at " + format_duration(at_ns) + " " + step.fault;
    if (!entry.first_function) text += "/" + std::string(step.f.text());
    if (!step.value.is_nil()) text += " " + to_json(step.value).dump();
    if (entry.end_ns > step.time_ns) text += " for " + format_duration(rounded(entry.end_ns) - at_ns);
    text += "\n";
  }
  return text;
}

}  // namespace riven
