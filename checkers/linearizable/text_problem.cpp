#include "checkers/linearizable/text_problem.h"

#include <algorithm>
#include <unordered_map>

namespace riven::linearizable {

namespace {

TextTrie read_texts(std::span<const Operation> part, const Texts& texts) {
  std::vector<std::pair<std::string_view, uint32_t>> reads;
  for (const Operation& op : part)
    if (op.f == Function::read && !op.pending()) reads.emplace_back(texts.whole(op.a), op.returned);
  return TextTrie(std::move(reads));
}

}  // namespace

TextProblem::TextProblem(std::span<const Operation> part, const Texts& given)
    : texts(&given), trie(read_texts(part, given)) {
  std::unordered_map<int64_t, uint32_t> kind_ids;
  std::vector<uint32_t> pool_of;  // by kind
  constexpr uint32_t kNoPool = UINT32_MAX;
  for (uint32_t i = 0; i < part.size(); ++i) {
    const Operation& op = part[i];
    if (op.f == Function::append && given.piece(op.a).empty()) {
      if (!op.pending()) nothing.push_back(i);
      continue;
    }
    if (op.f == Function::read && op.pending()) continue;
    const TextPlace place = op.f == Function::append ? TextPlace() : trie.find(given.whole(op.a));
    const auto kind = kind_ids.try_emplace(int64_t{op.a} * 16 + static_cast<int64_t>(op.f), kinds);
    if (kind.second) ++kinds;
    pool_of.resize(kinds, kNoPool);
    if (!op.pending()) {
      events.push_back({Event::invoke, static_cast<uint32_t>(live.size()), op.invoked});
      events.push_back({Event::complete, static_cast<uint32_t>(live.size()), op.returned});
      live.push_back({op, i, kind.first->second, place});
      continue;
    }
    uint32_t& pool = pool_of[kind.first->second];
    if (pool == kNoPool) {
      pool = static_cast<uint32_t>(pools.size());
      pools.push_back({op.f == Function::write, kind.first->second, place, {}, {}});
      if (op.f == Function::append) crashed_appends.add(given.piece(op.a), pool);
      if (op.f == Function::write && place.somewhere()) crashed_puts.push_back(pool);
    }
    pools[pool].invoked.push_back(op.invoked);
    pools[pool].members.push_back(i);
    events.push_back({Event::crash, pool, op.invoked});
  }
  std::sort(events.begin(), events.end(), [](const Event& x, const Event& y) { return x.time < y.time; });
}

uint32_t TextProblem::most_in_flight() const {
  uint32_t now = 0;
  uint32_t most = 0;
  for (const Event& event : events) {
    if (event.kind == Event::invoke) most = std::max(most, ++now);
    if (event.kind == Event::complete) --now;
  }
  return most;
}

uint64_t TextProblem::memory_bytes() const {
  uint64_t bytes = trie.memory_bytes() + live.capacity() * sizeof(Live) + events.capacity() * sizeof(Event) +
                   crashed_appends.memory_bytes() + pools.capacity() * sizeof(Pool);
  for (const Pool& pool : pools) bytes += pool.invoked.capacity() * 8;
  return bytes;
}

}  // namespace riven::linearizable
