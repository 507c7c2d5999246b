// A scratch folder and made-up histories for the tests of this folder.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "harness/core/history.h"
#include "harness/core/rng.h"
#include "tests/catch.h"
#include "tests/core/random_value.h"

namespace riven::test {

/// A folder of its own, removed with everything in it.
class Scratch {
 public:
  Scratch() {
    std::string pattern = (std::filesystem::temp_directory_path() / "riven-test-XXXXXX").string();
    path_ = ::mkdtemp(pattern.data());
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  std::string file(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

inline std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

inline void spew(const std::string& path, std::string_view bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

/// Whether `text` holds each of `parts`; prints it where it does not.
inline bool says(const std::string& text, std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts) {
    if (text.find(part) == std::string::npos) {
      UNSCOPED_INFO("\"" << text << "\" does not say \"" << part << "\"");
      return false;
    }
  }
  return true;
}

/// Operations of `processes` clients and a nemesis, well paired.
inline std::vector<Op> random_ops(uint64_t seed, size_t entries, int processes, int depth) {
  Rng rng(seed);
  static const char* const kFunctions[] = {"read", "write", "cas", "txn"};
  std::vector<Op> ops;
  std::vector<Op> open(static_cast<size_t>(processes));
  std::vector<bool> is_open(static_cast<size_t>(processes), false);
  std::vector<Process> names(static_cast<size_t>(processes));
  for (int p = 0; p < processes; ++p) names[static_cast<size_t>(p)] = p;
  int64_t time = 0;
  while (ops.size() < entries) {
    Op op;
    time += rng.between(0, 2000000);
    op.time_ns = time;
    op.index = static_cast<int64_t>(ops.size());
    if (rng.chance(0.02)) {
      op.process = kNemesis;
      op.type = OpType::info;
      op.f = Symbol("start-partition");
      op.value = random_value(rng, depth);
      ops.push_back(op);
      continue;
    }
    const auto thread = rng.below(static_cast<uint64_t>(processes));
    if (is_open[thread]) {
      op.process = names[thread];
      op.f = open[thread].f;
      op.type = static_cast<OpType>(1 + rng.below(3));
      op.value = random_value(rng, depth);
      if (op.type != OpType::ok && rng.chance(0.8)) op.error = random_value(rng, 1);
      if (op.type == OpType::info) names[thread] += processes;
      is_open[thread] = false;
    } else {
      op.process = names[thread];
      op.f = Symbol(kFunctions[rng.below(4)]);
      op.value = random_value(rng, depth);
      open[thread] = op;
      is_open[thread] = true;
    }
    ops.push_back(op);
  }
  return ops;
}

inline History build(const std::vector<Op>& ops) {
  HistoryBuilder builder;
  for (const Op& op : ops) builder.append(op);
  return *builder.finish();
}

inline bool same(const Op& a, const Op& b) {
  return a.index == b.index && a.time_ns == b.time_ns && a.process == b.process && a.type == b.type &&
         a.f == b.f && a.value == b.value && a.error == b.error;
}

/// The first entry in which two histories differ, or -1.
inline int64_t first_difference(const History& a, const History& b) {
  for (size_t i = 0; i < a.size() && i < b.size(); ++i) {
    if (!same(a.op(i), b.op(i)) || a.pair(i) != b.pair(i) || !(a.value(i) == b.value(i)))
      return static_cast<int64_t>(i);
  }
  return a.size() == b.size() ? -1 : static_cast<int64_t>(std::min(a.size(), b.size()));
}

}  // namespace riven::test
