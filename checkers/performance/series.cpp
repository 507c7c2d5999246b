#include "checkers/performance/series.h"

#include <algorithm>
#include <bit>
#include <cmath>

#include "harness/core/text.h"

namespace riven::checkers::performance {
namespace {

constexpr int kBitsPerOctave = 5;
constexpr size_t kPerOctave = 1U << kBitsPerOctave;

/// The smallest of 1, 2, 5 times a power of ten (in ns, from 1 ms) that cuts `length_ns` into few enough
/// windows.
int64_t window_length(int64_t length_ns) {
  int64_t decade = 1'000'000;
  for (;; decade *= 10)
    for (const int64_t factor : {1, 2, 5})
      if (length_ns / (decade * factor) < static_cast<int64_t>(Series::kMostWindows)) return decade * factor;
}

/// Maps function ids to panels: the most used functions have their own, the rest share the last.
std::vector<size_t> panels(const History& history, std::vector<FunctionSeries>& functions) {
  std::vector<uint64_t> used(history.functions().size());
  for (size_t i = 0; i < history.size(); ++i)
    if (history.is_client(i) && history.type(i) == OpType::invoke) ++used[history.function_id(i)];
  std::vector<size_t> order;
  for (size_t f = 0; f < used.size(); ++f)
    if (used[f] > 0) order.push_back(f);
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return used[a] > used[b]; });
  const bool all_fit = order.size() <= Series::kMostFunctions;
  if (!all_fit) order.resize(Series::kMostFunctions - 1);
  std::sort(order.begin(), order.end());
  std::vector<size_t> panel_of(used.size(), all_fit ? 0 : order.size());
  for (const size_t f : order) {
    panel_of[f] = functions.size();
    functions.emplace_back().name = valid_utf8(history.functions()[f].text());
  }
  if (!all_fit) functions.emplace_back().name = "other functions";
  return panel_of;
}

Ending ending_of(OpType completion) {
  switch (completion) {
    case OpType::ok:
      return Ending::ok;
    case OpType::fail:
      return Ending::fail;
    case OpType::invoke:
    case OpType::info:
      return Ending::info;
  }
  return Ending::info;
}

}  // namespace

size_t LatencyHistogram::bucket(int64_t duration_ns) {
  const auto ns = static_cast<uint64_t>(duration_ns);
  if (ns < kPerOctave) return static_cast<size_t>(ns);
  const auto octave = static_cast<size_t>(std::bit_width(ns)) - 1 - kBitsPerOctave;
  return (octave + 1) * kPerOctave + static_cast<size_t>((ns >> octave) & (kPerOctave - 1));
}

int64_t LatencyHistogram::duration_ns(size_t bucket) {
  if (bucket < kPerOctave) return static_cast<int64_t>(bucket);
  const size_t octave = bucket / kPerOctave - 1;
  const uint64_t low = (kPerOctave + bucket % kPerOctave) << octave;
  return static_cast<int64_t>(low + (uint64_t{1} << octave) / 2);
}

void LatencyHistogram::add(int64_t duration_ns) {
  if (buckets_.empty()) buckets_.resize(kBuckets);
  ++buckets_[bucket(duration_ns)];
  ++count_;
  min_ns_ = std::min(min_ns_, duration_ns);
  max_ns_ = std::max(max_ns_, duration_ns);
}

void LatencyHistogram::add(const LatencyHistogram& other) {
  if (other.count_ == 0) return;
  if (buckets_.empty()) buckets_.resize(kBuckets);
  for (size_t b = 0; b < kBuckets; ++b) buckets_[b] += other.buckets_[b];
  count_ += other.count_;
  min_ns_ = std::min(min_ns_, other.min_ns_);
  max_ns_ = std::max(max_ns_, other.max_ns_);
}

int64_t LatencyHistogram::quantile_ns(double q) const {
  if (count_ == 0) return 0;
  const auto rank = static_cast<uint64_t>(std::max(1.0, std::ceil(q * static_cast<double>(count_))));
  if (rank >= count_) return max_ns_;
  uint64_t seen = 0;
  for (size_t b = 0; b < kBuckets; ++b) {
    seen += buckets_[b];
    if (seen >= rank) return std::clamp(duration_ns(b), min_ns_, max_ns_);
  }
  return max_ns_;
}

size_t Series::window_of(int64_t time_ns) const {
  const int64_t w = (std::max(time_ns, begin_ns) - begin_ns) / window_ns;
  return static_cast<size_t>(std::clamp<int64_t>(w, 0, static_cast<int64_t>(windows) - 1));
}

double Series::window_begin_s(size_t w) const {
  return static_cast<double>(static_cast<int64_t>(w) * window_ns) / 1e9;
}

Series collect(const History& history) {
  Series s;
  int64_t first = INT64_MAX;
  int64_t last = INT64_MIN;
  for (size_t i = 0; i < history.size(); ++i) {
    first = std::min(first, history.time_ns(i));
    last = std::max(last, history.time_ns(i));
  }
  if (first > last) return s;
  const auto length = static_cast<double>(last) - static_cast<double>(first);
  const bool own_origin = first >= 0 && static_cast<double>(first) <= length + 60e9;
  s.begin_ns = own_origin ? 0 : first;
  if (length > 4e18) s.begin_ns = last - 4'000'000'000'000'000'000;  // hostile times must not overflow
  s.end_ns = last;
  s.window_ns = window_length(s.end_ns - s.begin_ns);
  // The very last entry belongs to the window before it, not to one that begins with it.
  s.windows = static_cast<size_t>(std::max<int64_t>(0, s.end_ns - s.begin_ns - 1) / s.window_ns) + 1;
  const std::vector<size_t> panel_of = panels(history, s.functions);
  const double columns_per_ns =
      static_cast<double>(Grid::kColumns) / (static_cast<double>(s.end_ns - s.begin_ns) + 1);

  for (size_t i = 0; i < history.size(); ++i) {
    if (!history.is_client(i) || history.type(i) != OpType::invoke) continue;
    ++s.operations;
    const uint32_t pair = history.pair(i);
    const bool pending = pair == History::kNone;
    const Ending ending = pending ? Ending::pending : ending_of(history.type(pair));
    const int64_t invoked = history.time_ns(i);
    const int64_t completed = pending ? s.end_ns : history.time_ns(pair);
    int64_t latency = 0;
    if (__builtin_sub_overflow(completed, invoked, &latency)) latency = 0;
    latency = std::max<int64_t>(0, latency);
    EndingSeries& e = s.functions[panel_of[history.function_id(i)]].endings[static_cast<size_t>(ending)];
    if (e.by_window.empty()) {
      e.by_window.resize(s.windows);
      e.completed.resize(s.windows);
      e.grid.cells.resize(Grid::kColumns * Grid::kRows);
    }
    e.all.add(latency);
    e.by_window[s.window_of(invoked)].add(latency);
    if (!pending) ++e.completed[s.window_of(completed)];
    // In doubles: the times of a foreign history may lie further apart than int64_t counts.
    const double since_ns = static_cast<double>(invoked) - static_cast<double>(s.begin_ns);
    const auto column = static_cast<size_t>(
        std::clamp(since_ns * columns_per_ns, 0.0, static_cast<double>(Grid::kColumns - 1)));
    ++e.grid
          .cells[std::min(column, Grid::kColumns - 1) * Grid::kRows + LatencyHistogram::bucket(latency) / 4];
  }
  return s;
}

}  // namespace riven::checkers::performance
