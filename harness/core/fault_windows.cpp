#include "harness/core/fault_windows.h"

#include <algorithm>
#include <array>
#include <string_view>

namespace riven {
namespace {

constexpr std::string_view kStartStopped = "start-stopped";  // ends what `stop` began

struct Role {
  enum class Kind : uint8_t { mark, start, stop, heal_all, kill_or_fault_start };
  Kind kind = Kind::mark;
  std::string name;
};

std::string_view after(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix ? text.substr(prefix.size()) : std::string_view();
}

/// `stops_nodes`: the history has Riven's fault "stop", so its `stop` is not the end of another fault.
Role role_by_name(std::string_view f, bool stops_nodes) {
  using Kind = Role::Kind;
  if (stops_nodes && f == "stop") return {Kind::start, "stop"};
  if (stops_nodes && f == kStartStopped) return {Kind::stop, "stop"};
  for (const std::string_view prefix : {"start-", "start_"})
    if (const auto name = after(f, prefix); !name.empty()) return {Kind::start, std::string(name)};
  for (const std::string_view prefix : {"stop-", "stop_", "heal-", "heal_"})
    if (const auto name = after(f, prefix); !name.empty()) return {Kind::stop, std::string(name)};
  if (f == "kill" || f == "pause") return {Kind::start, std::string(f)};
  if (f == "resume") return {Kind::stop, "pause"};
  if (f == "start") return {Kind::kill_or_fault_start, "fault"};
  if (f == "stop") return {Kind::stop, "fault"};
  if (f == "heal") return {Kind::heal_all, ""};
  return {};
}

Role role_of(std::string_view f, const std::vector<PlotSpan>& spans, bool stops_nodes) {
  for (const PlotSpan& span : spans) {
    if (std::find(span.starts.begin(), span.starts.end(), f) != span.starts.end())
      return {Role::Kind::start, span.name};
    if (std::find(span.stops.begin(), span.stops.end(), f) != span.stops.end())
      return {Role::Kind::stop, span.name};
  }
  return role_by_name(f, stops_nodes);
}

std::string color_of(const std::string& name, const PlotSpan* span, std::vector<std::string>& others) {
  if (span != nullptr && !span->color.empty()) return span->color;
  static constexpr std::array<std::string_view, 5> kPalette = {"#b5577a", "#4f8a5b", "#6f6fc4", "#a0722d",
                                                               "#4a8ca3"};
  auto at = std::find(others.begin(), others.end(), name);
  if (at == others.end()) at = others.insert(others.end(), name);
  return std::string(kPalette[static_cast<size_t>(at - others.begin()) % kPalette.size()]);
}

int64_t saturating_add(int64_t a, int64_t b) {
  int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

void add_dropped(std::optional<int64_t>& total, const Value& v) {
  if (v.is_integer()) total = saturating_add(total.value_or(0), v.integer());
  if (!v.is_map()) return;
  const Value::List& flat = v.flat_map();
  for (size_t i = 1; i < flat.size(); i += 2) add_dropped(total, flat[i]);
}

/// What one completion value proves: its own words, else the words of its parts (one a node).
void read_proof(const Value& v, std::optional<bool>& took_effect, std::optional<int64_t>& dropped) {
  if (!v.is_map()) return;
  const Value* effect_here = v.find("took_effect");
  if (effect_here == nullptr) effect_here = v.find("bit");  // the key in journals of older versions
  const Value* dropped_here = v.find("dropped");
  if (effect_here != nullptr && effect_here->kind() == Value::Kind::boolean)
    took_effect = took_effect.value_or(false) || effect_here->boolean();
  if (dropped_here != nullptr) add_dropped(dropped, *dropped_here);
  if (effect_here != nullptr || dropped_here != nullptr) return;
  const Value::List& flat = v.flat_map();
  for (size_t i = 1; i < flat.size(); i += 2) read_proof(flat[i], took_effect, dropped);
}

std::string shortened(std::string text, size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xc0) == 0x80) --limit;
  return text.substr(0, limit) + "...";
}

class TimelineReader {
 public:
  TimelineReader(const History& history, const std::vector<PlotSpan>& spans)
      : history_(history), spans_(spans) {
    const auto& functions = history.functions();
    const bool stops_nodes = std::any_of(functions.begin(), functions.end(),
                                         [](const Symbol f) { return f.text() == kStartStopped; });
    for (const Symbol f : functions) roles_.push_back(role_of(f.text(), spans, stops_nodes));
  }

  FaultTimeline read() {
    for (size_t i = 0; i < history_.size(); ++i)
      if (!history_.is_client(i) && history_.is_invocation(i)) entry(static_cast<uint32_t>(i));
    const int64_t last = history_.size() == 0 ? 0 : history_.time_ns(history_.size() - 1);
    for (const size_t w : open_) {
      FaultWindow& window = result_.windows[w];
      window.end_ns = window.error.empty() ? std::max(last, window.begin_ns) : window.begin_ns;
    }
    std::stable_sort(result_.windows.begin(), result_.windows.end(),
                     [](const FaultWindow& a, const FaultWindow& b) { return a.begin_ns < b.begin_ns; });
    return std::move(result_);
  }

 private:
  void entry(uint32_t i) {
    using Kind = Role::Kind;
    const Role& role = roles_[history_.function_id(i)];
    switch (role.kind) {
      case Kind::start:
        begin(role.name, i);
        break;
      case Kind::stop:
        end(role.name, i);
        break;
      case Kind::kill_or_fault_start:
        if (is_open("kill"))
          end("kill", i);
        else
          begin(role.name, i);
        break;
      case Kind::heal_all:
        for (const size_t w : std::vector<size_t>(open_.rbegin(), open_.rend()))
          end(result_.windows[w].name, i);
        break;
      case Kind::mark:
        result_.marks.push_back({std::string(history_.f(i).text()), history_.time_ns(i), i, error_of(i)});
        break;
    }
  }

  std::vector<size_t>::iterator find_open(const std::string& name) {
    return std::find_if(open_.begin(), open_.end(),
                        [&](size_t w) { return result_.windows[w].name == name; });
  }
  bool is_open(const std::string& name) { return find_open(name) != open_.end(); }

  Value completion_value(uint32_t i) const {
    const uint32_t pair = history_.pair(i);
    return pair == History::kNone ? Value() : history_.value(pair).to_value();
  }

  std::string error_of(uint32_t i) const {
    const uint32_t pair = history_.pair(i);
    if (pair == History::kNone) return {};
    Value why = history_.error(pair).to_value();
    if (why.is_nil() && history_.value(pair).is_map()) {
      const Value completion = completion_value(i);
      if (const Value* told = completion.find("error")) why = *told;
    }
    if (why.is_nil()) return {};
    return shortened(why.kind() == Value::Kind::string ? std::string(why.text()) : to_edn(why), 300);
  }

  void begin(const std::string& name, uint32_t i) {
    const Value done = completion_value(i);
    if (done.is_map() && done.find("skipped") != nullptr) return;
    if (const auto open = find_open(name); open != open_.end()) {
      FaultWindow& before = result_.windows[*open];
      if (before.error.empty()) return;  // a fault on top of the same fault: one window
      before.end_ns = before.begin_ns;
      open_.erase(open);
    }
    FaultWindow window;
    window.name = name;
    const auto span =
        std::find_if(spans_.begin(), spans_.end(), [&](const PlotSpan& each) { return each.name == name; });
    window.color = color_of(name, span == spans_.end() ? nullptr : &*span, others_);
    window.stops_nodes = span == spans_.end() ? name == "kill" || name == "pause" : span->stops_nodes;
    const uint32_t pair = history_.pair(i);
    window.begin_ns = history_.time_ns(pair == History::kNone ? i : pair);
    window.end_ns = window.begin_ns;
    window.start_entry = i;
    window.error = error_of(i);
    const Value shown = done.is_nil() ? history_.value(i).to_value() : done;
    if (!shown.is_nil()) window.target = shortened(to_edn(shown), 200);
    open_.push_back(result_.windows.size());
    result_.windows.push_back(std::move(window));
  }

  void end(const std::string& name, uint32_t i) {
    const auto open = find_open(name);
    if (open == open_.end()) return;  // a heal with nothing to heal
    FaultWindow& window = result_.windows[*open];
    window.stop_error = error_of(i);
    if (!window.stop_error.empty()) return;  // still in force, on some node
    open_.erase(open);
    window.end_ns = std::max(window.begin_ns, history_.time_ns(i));
    window.ended = true;
    window.stop_entry = i;
    const Value done = completion_value(i);
    // A heal of several faults names each; that of one may say under the fault's name which sort it was.
    const Value* own = done.is_map() ? done.find(name) : nullptr;
    read_proof(own != nullptr && own->is_map() ? *own : done, window.took_effect, window.dropped);
    if (!window.proof()) read_proof(completion_value(window.start_entry), window.took_effect, window.dropped);
  }

  const History& history_;
  const std::vector<PlotSpan>& spans_;
  std::vector<Role> roles_;  // by function id
  std::vector<size_t> open_;
  std::vector<std::string> others_;
  FaultTimeline result_;
};

}  // namespace

std::optional<bool> FaultWindow::proof() const {
  if (took_effect) return took_effect;
  if (dropped) return *dropped > 0;
  return std::nullopt;
}

FaultTimeline fault_timeline(const History& history, const std::vector<PlotSpan>& spans) {
  return TimelineReader(history, spans).read();
}

std::optional<bool> proof_in(const Value& ended) {
  FaultWindow window;
  read_proof(ended, window.took_effect, window.dropped);
  return window.proof();
}

}  // namespace riven
