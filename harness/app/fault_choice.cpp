#include "harness/app/fault_choice.h"

#include <algorithm>
#include <charconv>

#include "harness/api/nemesis.h"
#include "harness/core/clock.h"

namespace riven {

namespace {

std::vector<std::string> split_commas(const std::string& text) {
  std::vector<std::string> components;
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(',', at), text.size());
    components.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return components;
}

std::string known_names(const Registry& registry) {
  std::string names;
  for (const auto& factory : registry.faults()) names += factory->name + ", ";
  names += "all";
  for (const FaultProfile& profile : fault_profiles()) names += ", " + profile.name;
  return names;
}

}  // namespace

const std::vector<FaultProfile>& fault_profiles() {
  static const std::vector<FaultProfile> kProfiles = {
      {"gentle", "every fault in turn, one node broken at most, every 10 s", false, 10 * kNanosPerSecond,
       "1"},
      {"nightly", "every fault in turn, majorities too, every 5 s", false, 5 * kNanosPerSecond, ""},
      {"storm",
       "cuts, slow links, kills, pauses, clocks and disks at once, a minority broken at most, every 3 s",
       true, 3 * kNanosPerSecond, "minority"}};
  return kProfiles;
}

const FaultProfile* find_profile(const std::string& faults) {
  const auto& all = fault_profiles();
  const auto found = std::find_if(all.begin(), all.end(), [&](const auto& p) { return p.name == faults; });
  return found == all.end() ? nullptr : &*found;
}

Result<std::vector<FaultRequest>> choose_faults(const std::string& faults, const Registry& registry) {
  std::vector<FaultRequest> requests;
  const FaultProfile* const profile = find_profile(faults);
  if (faults == "all" || profile != nullptr) {
    for (const auto& factory : registry.faults()) {
      if (profile != nullptr && profile->together && !factory->in_storm) continue;
      requests.push_back({factory->name, "", true});
    }
    return requests;
  }
  if (faults == "none") return requests;
  for (const std::string& entry : split_commas(faults)) {
    if (entry.empty())
      return Error{"--faults '" + faults + "' has an empty name in it; for no faults say --faults none"};
    FaultRequest request;
    request.name = entry.substr(0, entry.find(':'));
    if (request.name.size() < entry.size()) request.word = entry.substr(request.name.size() + 1);
    if (request.name == "all" || find_profile(request.name) != nullptr)
      return Error{"--faults " + request.name + " stands alone: it is every fault already"};
    const FaultFactory* const factory = registry.find<FaultFactory>(request.name);
    if (factory == nullptr)
      return Error{"no fault is called '" + request.name + "'; there are " + known_names(registry)};
    request.name = factory->name;
    if (std::any_of(requests.begin(), requests.end(), [&](const auto& w) { return w.name == request.name; }))
      return Error{"--faults names " + request.name + " twice"};
    requests.push_back(std::move(request));
  }
  return requests;
}

std::vector<PlotSpan> spans_of(const std::vector<std::string>& faults, const Registry& registry) {
  std::vector<PlotSpan> spans;
  for (const std::string& name : faults) {
    if (const FaultFactory* const factory = registry.find<FaultFactory>(name)) spans.push_back(factory->span);
  }
  return spans;
}

std::optional<size_t> parse_max_broken(const std::string& text, size_t nodes) {
  if (text == "minority") return nodes <= 1 ? nodes : (nodes - 1) / 2;
  size_t number = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, number);
  if (text.empty() || read.ec != std::errc() || read.ptr != end) return std::nullopt;
  return number;
}

}  // namespace riven
