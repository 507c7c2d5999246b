#include "nemesis/agent/disk/disk_rules.h"

#include <fnmatch.h>

#include <algorithm>
#include <cerrno>

#include "harness/core/json_fields.h"

namespace riven::agent {
namespace {

bool speaks_of(const DiskRule& rule, const DiskRequest& request) {
  switch (rule.what) {
    case DiskRule::What::full:
      return request.grows;
    case DiskRule::What::read_only:
      return request.work != DiskWork::read && request.work != DiskWork::sync;
    case DiskRule::What::slow:
    case DiskRule::What::error:
      if (request.work == DiskWork::open_write) return false;
      return rule.ops.empty() || std::find(rule.ops.begin(), rule.ops.end(), request.work) != rule.ops.end();
  }
  return false;
}

Status read_ops(const Json& json, DiskRule& rule) {
  for (const std::string& word : texts_of(json, "ops")) {
    if (word == "read") {
      rule.ops.push_back(DiskWork::read);
    } else if (word == "write") {
      rule.ops.push_back(DiskWork::write);
    } else if (word == "sync") {
      rule.ops.push_back(DiskWork::sync);
    } else if (word == "names") {
      rule.ops.push_back(DiskWork::names);
    } else {
      return Error{"ops are read, write, sync and names, not " + word};
    }
  }
  return ok_status();
}

Result<DiskRule> rule_from(const Json& json) {
  DiskRule rule;
  rule.path = text_of(json, "path");
  if (Status read = read_ops(json, rule); !read) return read.error();
  const std::string what = text_of(json, "what");
  if (what == "slow") {
    constexpr int64_t kLongestUs = 60'000'000;
    const int64_t delay_us = integer_of(json, "delay_us");
    if (delay_us <= 0 || delay_us > kLongestUs) return Error{"slow takes a delay above 0 and up to 60 s"};
    rule.delay_ns = delay_us * 1000;
  } else if (what == "error") {
    rule.what = DiskRule::What::error;
    const std::string error = text_of(json, "error", "EIO");
    rule.error = error == "EIO" ? EIO : error == "ENOSPC" ? ENOSPC : error == "EROFS" ? EROFS : 0;
    if (rule.error == 0) return Error{"an error is EIO, ENOSPC or EROFS, not " + error};
    const int64_t share = integer_of(json, "per_million", 1'000'000);
    if (share <= 0 || share > 1'000'000) return Error{"per_million is above 0 and at most 1000000"};
    rule.per_million = static_cast<uint32_t>(share);
  } else if (what == "full") {
    rule.what = DiskRule::What::full;
    rule.error = ENOSPC;
  } else if (what == "read-only") {
    rule.what = DiskRule::What::read_only;
    rule.error = EROFS;
  } else {
    return Error{"a disk rule is slow, error, full or read-only, not '" + what + "'"};
  }
  return rule;
}

}  // namespace

Result<std::vector<DiskRule>> disk_rules_from(const Json& params) {
  std::vector<DiskRule> rules;
  for (const Json& json : array_of(params, "rules")) {
    Result<DiskRule> rule = rule_from(json);
    if (!rule) return rule.error();
    rules.push_back(std::move(*rule));
  }
  if (rules.empty()) return Error{"no disk rules were given"};
  return rules;
}

DiskRules::Decision DiskRules::decide(const DiskRequest& request) {
  Decision decision;
  std::string path;
  for (Fault& fault : faults_) {
    ++fault.seen;
    for (const DiskRule& rule : fault.rules) {
      if (!speaks_of(rule, request)) continue;
      if (!rule.path.empty()) {
        if (path.empty() && request.path) path = request.path();
        if (fnmatch(rule.path.c_str(), path.c_str(), 0) != 0) continue;
      }
      if (rule.per_million < 1'000'000 && rng_.below(1'000'000) >= rule.per_million) continue;
      if (rule.what == DiskRule::What::slow) {
        decision.delay_ns += rule.delay_ns;
        ++fault.delayed;
      } else {
        ++fault.refused;
        decision.error = rule.error;
        return decision;
      }
    }
  }
  return decision;
}

bool DiskRules::is_full() const {
  return std::any_of(faults_.begin(), faults_.end(), [](const Fault& fault) {
    return std::any_of(fault.rules.begin(), fault.rules.end(),
                       [](const DiskRule& rule) { return rule.what == DiskRule::What::full; });
  });
}

void DiskRules::set(const std::string& id, std::vector<DiskRule> rules) {
  clear(id);
  faults_.push_back({id, std::move(rules)});
}

Json DiskRules::counts(const std::string& id) const {
  for (const Fault& fault : faults_) {
    if (fault.id != id) continue;
    return {{"seen", fault.seen}, {"refused", fault.refused}, {"delayed", fault.delayed}};
  }
  return nullptr;
}

Json DiskRules::clear(const std::string& id) {
  Json last = counts(id);
  std::erase_if(faults_, [&](const Fault& fault) { return fault.id == id; });
  return last;
}

}  // namespace riven::agent
