#include "checkers/isolation/forced.h"

#include <algorithm>
#include <array>
#include <atomic>

#include "checkers/isolation/parallel.h"

namespace riven::checkers::isolation {

namespace {

void force(const Events& e, uint32_t from, uint32_t to, std::vector<Edge>& out) {
  out.push_back({from, to, kWwForced});
  if (to == e.initial()) out.push_back({to, from, kWw});
}

/// Reads of one event by key.
struct KeyRead {
  uint32_t key, writer;
  auto operator<=>(const KeyRead&) const = default;
};

/// Calls fn(key, writer) for each of the reads (ascending) of a key that `source` wrote, from another.
template <typename Fn>
void for_each_common(const Events& e, const std::vector<KeyRead>& reads, uint32_t source, Fn&& fn) {
  const uint32_t begin = e.write_begin[source];
  const uint32_t end = e.write_begin[source + 1];
  if (end - begin < reads.size()) {
    for (uint32_t w = begin; w < end; ++w) {
      auto at = std::lower_bound(reads.begin(), reads.end(), KeyRead{e.writes[w], 0});
      for (; at != reads.end() && at->key == e.writes[w]; ++at)
        if (at->writer != source) fn(at->key, at->writer);
    }
    return;
  }
  for (const KeyRead& read : reads)
    if (read.writer != source && e.wrote(source, read.key)) fn(read.key, read.writer);
}

/// The nearest two writers, which differ, of a key's reads behind the one looked at.
struct Nearest {
  uint32_t first = kNone, second = kNone;
};

void view_of(const Events& e, uint32_t v, std::vector<Edge>& out) {
  const uint32_t begin = e.read_begin[v];
  const uint32_t end = e.read_begin[v + 1];
  std::vector<uint32_t> keys;
  std::vector<std::pair<uint32_t, uint32_t>> first_read;  // writer, read
  for (uint32_t r = begin; r < end; ++r) {
    keys.push_back(e.reads[r].key);
    first_read.emplace_back(e.reads[r].writer, r);
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  std::sort(first_read.begin(), first_read.end());
  std::vector<Nearest> behind(keys.size());
  const auto slot = [&](uint32_t key) {
    return static_cast<size_t>(std::lower_bound(keys.begin(), keys.end(), key) - keys.begin());
  };
  for (uint32_t r = end; r-- > begin;) {
    const uint32_t source = e.reads[r].writer;
    const auto first = std::lower_bound(first_read.begin(), first_read.end(), std::pair{source, 0U});
    if (first->second == r && source != e.initial()) {
      const auto look = [&](size_t i) {
        const uint32_t target = behind[i].first != source ? behind[i].first : behind[i].second;
        if (target != kNone) force(e, source, target, out);
      };
      const uint32_t writes_begin = e.write_begin[source];
      const uint32_t writes_end = e.write_begin[source + 1];
      if (writes_end - writes_begin < keys.size()) {
        for (uint32_t w = writes_begin; w < writes_end; ++w)
          if (const size_t i = slot(e.writes[w]); i < keys.size() && keys[i] == e.writes[w]) look(i);
      } else {
        for (size_t i = 0; i < keys.size(); ++i)
          if (e.wrote(source, keys[i])) look(i);
      }
    }
    Nearest& last = behind[slot(e.reads[r].key)];
    if (last.first != source) last = {source, last.first};
  }
}

/// The last event of `chain` at place `below` or before that wrote the key, or kNone.
uint32_t last_write(const Events& e, const uint32_t* begin, const uint32_t* end, uint32_t chain,
                    uint32_t below) {
  const uint32_t* const at = std::partition_point(
      begin, end, [&](uint32_t v) { return std::pair(e.chain[v], e.place[v]) <= std::pair(chain, below); });
  return at != begin && e.chain[at[-1]] == chain ? at[-1] : kNone;
}

}  // namespace

std::vector<Edge> forced_by_views(const Events& e) {
  std::vector<Edge> out;
  for (uint32_t v = 0; v < e.size(); ++v)
    if (e.read_begin[v + 1] - e.read_begin[v] >= 2) view_of(e, v, out);
  return out;
}

std::vector<Edge> forced_by_atomicity(const Events& e, const KeyWriters& writers, bool sessions) {
  std::vector<Edge> out;
  std::vector<KeyRead> reads;
  std::vector<uint32_t> sources;
  for (uint32_t v = 0; v < e.size(); ++v) {
    reads.clear();
    sources.clear();
    for (uint32_t r = e.read_begin[v]; r < e.read_begin[v + 1]; ++r) {
      reads.push_back({e.reads[r].key, e.reads[r].writer});
      if (e.reads[r].writer != e.initial()) sources.push_back(e.reads[r].writer);
    }
    if (reads.empty()) continue;
    if (reads.size() > 1) {
      std::sort(reads.begin(), reads.end());
      reads.erase(std::unique(reads.begin(), reads.end()), reads.end());
      std::sort(sources.begin(), sources.end());
      sources.erase(std::unique(sources.begin(), sources.end()), sources.end());
      for (const uint32_t source : sources)
        for_each_common(e, reads, source, [&](uint32_t, uint32_t writer) { force(e, source, writer, out); });
    }
    if (!sessions) continue;
    for (const KeyRead& read : reads) {
      const uint32_t* const all = writers.events.data();
      const uint32_t earlier = last_write(e, all + writers.begin[read.key], all + writers.begin[read.key + 1],
                                          e.chain[v], e.place[v] - 1);
      if (earlier != kNone && earlier != read.writer) force(e, earlier, read.writer, out);
    }
  }
  return out;
}

namespace {

constexpr uint32_t kChains = 16;  // judged in one sweep: a cache line of places an event
using Past = std::array<uint32_t, kChains>;

/// One sweep: the last place of each of some chains in the past of each event.
class Sweep {
 public:
  Sweep(const Events& e, const KeyWriters& writers, uint32_t first_chain, std::vector<Edge>& out)
      : e_(e), writers_(writers), first_(first_chain), past_(e.size()), out_(out) {}

  void run(const std::vector<uint32_t>& order) {
    for (const uint32_t v : order) {
      if (!e_.counts(v)) continue;
      Past here{};
      if (e_.previous[v] != kNone) take(here, e_.previous[v]);
      for (uint32_t r = e_.read_begin[v]; r < e_.read_begin[v + 1]; ++r)
        if (e_.reads[r].writer != e_.initial()) take(here, e_.reads[r].writer);
      past_[v] = here;
      for (uint32_t r = e_.read_begin[v]; r < e_.read_begin[v + 1]; ++r) look(here, e_.reads[r]);
    }
  }

 private:
  void take(Past& here, uint32_t source) const {
    const Past& other = past_[source];
    for (uint32_t i = 0; i < kChains; ++i) here[i] = std::max(here[i], other[i]);
    const uint32_t lane = e_.chain[source] - first_;
    if (lane < kChains) here[lane] = std::max(here[lane], e_.place[source]);
  }
  void look(const Past& here, const Events::Read& read) {
    const uint64_t* const all = writers_.where.data();
    const uint64_t* const end = all + writers_.begin[read.key + 1];
    const uint64_t* at = std::lower_bound(all + writers_.begin[read.key], end, uint64_t{first_} << 32);
    while (at != end && *at >> 32 < first_ + kChains) {
      const uint64_t chain = *at >> 32;
      const uint32_t lane = static_cast<uint32_t>(chain) - first_;
      const uint64_t seen = chain << 32 | here[lane];
      const uint64_t* const begin = at;
      while (at != end && *at <= seen) ++at;
      const uint64_t* const behind = at;
      while (at != end && *at >> 32 == chain) ++at;
      if (behind == begin) continue;
      const uint32_t source = writers_.events[static_cast<size_t>(behind - all) - 1];
      if (source == read.writer) continue;
      if (read.writer != e_.initial()) {  // already before it?
        if (static_cast<uint32_t>(behind[-1]) <= past_[read.writer][lane]) continue;
      }
      force(e_, source, read.writer, out_);
    }
  }

  const Events& e_;
  const KeyWriters& writers_;
  uint32_t first_;
  std::vector<Past> past_;
  std::vector<Edge>& out_;
};

}  // namespace

bool forced_by_causality(const Events& e, const KeyWriters& writers, const std::vector<uint32_t>& order,
                         uint64_t work, unsigned threads, std::vector<Edge>& out) {
  const uint64_t sweeps = (e.chains + kChains - 1) / kChains;
  if (sweeps * (e.size() + e.reads.size()) > work) return false;
  std::vector<std::vector<Edge>> found(sweeps);
  // Each sweep in flight holds a line for each event; more than a few at once only fill the memory.
  parallel_for(sweeps, std::min(threads, 8U), [&](size_t i) {
    Sweep(e, writers, static_cast<uint32_t>(i) * kChains, found[i]).run(order);
    std::sort(found[i].begin(), found[i].end(), [](const Edge& a, const Edge& b) {
      return std::tuple(a.from, a.to, a.label) < std::tuple(b.from, b.to, b.label);
    });
    const auto same = [](const Edge& a, const Edge& b) {
      return a.from == b.from && a.to == b.to && a.label == b.label;
    };
    found[i].erase(std::unique(found[i].begin(), found[i].end(), same), found[i].end());
  });
  for (auto& part : found) {
    out.insert(out.end(), part.begin(), part.end());
    part = {};
  }
  return true;
}

bool forced_by_reads(const Events& e, const Graph& reads, const std::vector<uint32_t>& from, uint64_t work,
                     std::vector<Edge>& out) {
  std::vector<uint32_t> reached_in(e.size() + 1, kNone);
  std::vector<uint32_t> queue;
  uint64_t spent = 0;
  for (const uint32_t source : from) {
    if (e.write_begin[source] == e.write_begin[source + 1]) continue;
    queue.assign(1, source);
    reached_in[source] = source;
    for (size_t i = 0; i < queue.size(); ++i) {
      const uint32_t v = queue[i];
      spent += 1 + e.read_begin[v + 1] - e.read_begin[v] + reads.begin[v + 1] - reads.begin[v];
      if (v != source)
        for (uint32_t r = e.read_begin[v]; r < e.read_begin[v + 1]; ++r)
          if (e.reads[r].writer != source && e.wrote(source, e.reads[r].key))
            force(e, source, e.reads[r].writer, out);
      for (uint32_t edge = reads.begin[v]; edge < reads.begin[v + 1]; ++edge) {
        const uint32_t w = reads.targets[edge];
        if (reached_in[w] == source) continue;
        reached_in[w] = source;
        queue.push_back(w);
      }
    }
    if (spent > work) return false;
  }
  return true;
}

}  // namespace riven::checkers::isolation
