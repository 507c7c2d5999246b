#include "harness/history/field_names.h"

#include <algorithm>
#include <array>

#include "harness/core/text.h"

namespace riven::reading {

namespace {

/// Who, where, how long, and what was logged beside. Sorted.
constexpr std::array<std::string_view, 39> kHarmless = {
    "attempt",   "attempts",   "client",  "comment", "debug",    "duration", "elapsed", "endpoint",
    "exception", "ext",        "final",   "final?",  "host",     "hostname", "latency", "level",
    "log",       "logger",     "message", "msg",     "node",     "note",     "op-id",   "op-index",
    "opid",      "pid",        "reason",  "retries", "retry",    "seed",     "server",  "span",
    "stack",     "stacktrace", "thread",  "trace",   "trace-id", "via",      "worker"};

/// By these names others say what an operation is about, what it is part of, or what it was answered. Sorted.
constexpr std::array<std::string_view, 48> kMeaningful = {
    "account", "arg",      "args",    "argument", "arguments",   "bucket",  "collection", "column",
    "doc",     "document", "element", "entity",   "expected",    "input",   "item",       "keys",
    "obj",     "object",   "output",  "queue",    "record",      "reg",     "register",   "response",
    "result",  "results",  "ret",     "return",   "returned",    "returns", "row",        "session",
    "shard",   "table",    "tenant",  "topic",    "transaction", "tx",      "tx-id",      "txid",
    "txn",     "txn-id",   "val",     "value2",   "values",      "var",     "variable",   "variables"};

template <size_t kCount>
bool has(const std::array<std::string_view, kCount>& sorted, std::string_view name) {
  return std::binary_search(sorted.begin(), sorted.end(), name);
}

bool is_time(std::string_view name) {
  return name == "ts" || name == "timestamp" || name == "t-ns" || name == "time-ns";
}

std::string plain(std::string_view name) {
  std::string text = lower_case(name);
  std::replace(text.begin(), text.end(), '_', '-');
  return text;
}

}  // namespace

OtherField other_field(std::string_view name, bool strict, const std::vector<std::string>& ignored) {
  static_assert(std::is_sorted(kHarmless.begin(), kHarmless.end()));
  static_assert(std::is_sorted(kMeaningful.begin(), kMeaningful.end()));
  if (std::find(ignored.begin(), ignored.end(), name) != ignored.end()) return OtherField::harmless;
  const std::string known = plain(name);
  if (known == "key" || known == "k") return OtherField::key;
  if (has(kHarmless, known)) return OtherField::harmless;
  return strict || has(kMeaningful, known) ? OtherField::refused : OtherField::named;
}

std::string why_refused(std::string_view name) {
  const std::string shown = valid_utf8(name);
  const std::string what =
      is_time(plain(name)) ? " is none of Riven's: times are in the field time, in nanoseconds"
                           : " may change what the operation means, and Riven does not know how: a key goes "
                             "into the field key, an argument or an answer into value";
  return "the field " + shown + what + "; if it changes nothing, say --ignore-field " + shown;
}

}  // namespace riven::reading
