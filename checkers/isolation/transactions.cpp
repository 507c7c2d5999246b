#include "checkers/isolation/transactions.h"

#include <algorithm>
#include <bit>
#include <optional>
#include <unordered_map>

#include "checkers/isolation/parallel.h"
#include "harness/core/rng.h"
#include "harness/core/text.h"

namespace riven::checkers::isolation {

namespace {

/// Encoded keys to dense numbers in the order of first appearance. Keeps the keys' bytes itself, close
/// together.
class KeyTable {
 public:
  KeyTable() : slots_(64) {}

  uint32_t number(const uint8_t* bytes, size_t length) {
    const uint64_t hash = hash_of(bytes, length);
    for (size_t i = hash & (slots_.size() - 1);; i = (i + 1) & (slots_.size() - 1)) {
      Slot& slot = slots_[i];
      if (slot.bytes == nullptr) {
        slot = {kept_->keep(bytes, length), hash, static_cast<uint32_t>(length),
                static_cast<uint32_t>(keys_.size())};
        keys_.push_back(slot.bytes);
        if (keys_.size() * 2 > slots_.size()) grow();
        return static_cast<uint32_t>(keys_.size() - 1);
      }
      if (slot.hash == hash && slot.length == length && std::memcmp(slot.bytes, bytes, length) == 0)
        return slot.number;
    }
  }
  std::vector<const uint8_t*>& keys() { return keys_; }
  std::shared_ptr<const void> kept() const { return kept_; }

 private:
  struct Kept {
    const uint8_t* keep(const uint8_t* bytes, size_t length) {
      if (chunks.empty() || used + length > size) {
        size = std::max<size_t>(length, size_t{1} << 12);
        chunks.push_back(std::make_unique<uint8_t[]>(size));
        used = 0;
      }
      uint8_t* const at = chunks.back().get() + used;
      std::memcpy(at, bytes, length);
      used += length;
      return at;
    }
    std::vector<std::unique_ptr<uint8_t[]>> chunks;
    size_t size = 0;  // of the last
    size_t used = 0;
  };
  struct Slot {
    const uint8_t* bytes = nullptr;
    uint64_t hash = 0;
    uint32_t length = 0;
    uint32_t number = 0;
  };
  static uint64_t hash_of(const uint8_t* bytes, size_t length) {
    uint64_t hash = length;
    for (; length > 8; bytes += 8, length -= 8) {
      uint64_t word = 0;
      std::memcpy(&word, bytes, 8);
      hash = mix64(hash ^ word);
    }
    uint64_t word = 0;
    std::memcpy(&word, bytes, length);
    return mix64(hash ^ std::rotl(word, 8));
  }
  void grow() {
    std::vector<Slot> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Slot& slot : old) {
      if (slot.bytes == nullptr) continue;
      size_t i = slot.hash & (slots_.size() - 1);
      while (slots_[i].bytes != nullptr) i = (i + 1) & (slots_.size() - 1);
      slots_[i] = slot;
    }
  }

  std::vector<Slot> slots_;
  std::vector<const uint8_t*> keys_;
  std::shared_ptr<Kept> kept_ = std::make_shared<Kept>();
};

/// The names of micro-operations, interned once.
struct MopNames {
  Symbol r{"r"}, append{"append"}, w{"w"}, read{"read"}, write{"write"};
};

/// What one task read of its part of the transactions.
struct Part {
  std::vector<uint32_t> counts;  // micro-operations of each transaction
  std::vector<Mop> mops;
  std::vector<const uint8_t*> values;
  std::vector<int64_t> numbers;  // shorter than mops where the rest have none
  KeyTable keys;
  std::vector<uint64_t> value_bytes;  // of each key
  bool appends = false;
  bool writes = false;
  bool scalars = false;  // some read returned what is no list
  std::vector<UnnamedWrite> unnamed;
  std::optional<std::string> error;
  uint32_t error_entry = 0;
};

/// What stands for the parts that an incomplete micro-operation lacks.
const uint8_t kMissing = encoding::nil;

void add_mop(const uint8_t* key, size_t key_length, const uint8_t* value, size_t value_length, uint32_t bits,
             Part& out) {
  const uint32_t k = out.keys.number(key, key_length);
  if (k == out.value_bytes.size()) out.value_bytes.push_back(0);
  out.value_bytes[k] += value_length;
  out.mops.push_back({k, bits});
  out.values.push_back(value);
}

/// `happened`: the transaction's results are known. Else a micro-operation may lack its last parts, and what
/// it lacks is not known: it stands in its place as a read of which nobody knows what it saw.
bool read_mop(const ValueView& mop, const MopNames& names, uint32_t txn, bool happened, Part& out) {
  if (!mop.is_list() || mop.is_integer_list() || mop.empty()) return false;
  const ValueView name(mop.element_bytes());
  if (!name.is_text()) return false;
  const Symbol symbol = name.symbol();
  const bool appends = symbol == names.append;
  const bool writes = symbol == names.w || symbol == names.write;
  if (!appends && !writes && symbol != names.r && symbol != names.read) return false;
  const uint8_t* const end = mop.element_bytes() + mop.length();
  const uint8_t* const key = skip_value(mop.element_bytes());
  const uint8_t* const value = key == end ? end : skip_value(key);
  if (value == end) {
    if (happened) return false;
    if (key == end)
      add_mop(&kMissing, 1, &kMissing, 1, Mop::kUnknown, out);
    else
      add_mop(key, static_cast<size_t>(value - key), &kMissing, 1, Mop::kUnknown, out);
    if (appends || writes) out.unnamed.push_back({txn, key == end ? kNone : out.mops.back().key});
    return true;
  }
  out.appends = out.appends || appends;
  out.writes = out.writes || writes;
  if (!appends && !writes && *value != encoding::nil && *value != encoding::list &&
      *value != encoding::integers)
    out.scalars = true;
  const uint8_t* const behind = skip_value(value);
  add_mop(key, static_cast<size_t>(value - key), value, static_cast<size_t>(behind - value),
          appends || writes ? Mop::kWrite | Mop::kUnknown : Mop::kUnknown, out);
  if (behind != end && happened && ValueView(behind).is_integer()) {
    out.numbers.resize(out.mops.size() - 1, Transactions::kNoNumber);
    out.numbers.push_back(ValueView(behind).integer());
  }
  return true;
}

void read_part(const History& history, const Transactions& t, Range range, const MopNames& names, Part& out) {
  out.counts.reserve(range.end - range.begin);
  ReadBehind behind(history);
  for (size_t txn = range.begin; txn < range.end; ++txn) {
    const uint32_t entry = t.value_entry(static_cast<uint32_t>(txn));
    behind.read(entry);
    const ValueView value = history.value(entry);
    const size_t before = out.mops.size();
    const bool happened = t.state[txn] == TxnState::ok;
    bool good = value.is_list() && (!value.is_integer_list() || value.empty());
    if (good) {
      const uint8_t* at = value.element_bytes();
      for (const uint8_t* const end = at + value.length(); at != end && good; at = skip_value(at))
        good = read_mop(ValueView(at), names, static_cast<uint32_t>(txn), happened, out);
    }
    if (!good && !happened && !value.is_list()) good = true;  // nothing known of it
    if (!good && !out.error) {
      out.error_entry = entry;
      out.error = "operation " + std::to_string(history.source_index(entry)) +
                  ": not a list of [:r key value], [:append key value] or [:w key value]: " +
                  to_edn(value.to_value());
    }
    out.counts.push_back(static_cast<uint32_t>(out.mops.size() - before));
  }
}

/// Functions whose operations are transactions: by name, or by the first list of micro-operations seen.
std::vector<char> transactional_functions(const History& history) {
  enum : char { unseen = 2 };
  std::vector<char> is(history.functions().size(), unseen);
  size_t open = is.size();
  for (size_t f = 0; f < is.size(); ++f) {
    if (lower_case(history.functions()[f].text()) == "txn") is[f] = 1, --open;
  }
  for (size_t i = 0; i < history.size() && open > 0; ++i) {
    char& known = is[history.function_id(i)];
    if (known != unseen || !history.is_client(i)) continue;
    const ValueView value = history.value(i);
    if (!value.is_list() || value.is_integer_list() || value.empty()) continue;
    const ValueView first(value.element_bytes());
    known = first.is_list() && !first.is_integer_list() && !first.empty() &&
            ValueView(first.element_bytes()).is_text();
    --open;
  }
  std::replace(is.begin(), is.end(), static_cast<char>(unseen), static_cast<char>(0));
  return is;
}

}  // namespace

void list_transactions(const History& history, Transactions& t) {
  const std::vector<char> transactional = transactional_functions(history);
  std::vector<uint32_t> near;  // process -> session
  std::unordered_map<Process, uint32_t> far;
  const auto session_of = [&](Process p) -> uint32_t& {
    if (p >= (1 << 22)) return far.try_emplace(p, kNone).first->second;
    if (static_cast<size_t>(p) >= near.size()) near.resize(static_cast<size_t>(p) + 1, kNone);
    return near[static_cast<size_t>(p)];
  };
  const size_t expected = history.size() / 2 + 1;
  t.invoke.reserve(expected);
  t.complete.reserve(expected);
  t.state.reserve(expected);
  t.session.reserve(expected);
  for (size_t i = 0; i < history.size(); ++i) {
    if (!history.is_client(i) || history.type(i) != OpType::invoke) continue;
    if (transactional[history.function_id(i)] == 0) {
      ++t.ignored;
      continue;
    }
    const uint32_t pair = history.pair(i);
    TxnState state = TxnState::unknown;
    if (pair != History::kNone) {
      if (history.type(pair) == OpType::ok) state = TxnState::ok, ++t.ok_count;
      if (history.type(pair) == OpType::fail) state = TxnState::failed;
    }
    uint32_t& session = session_of(history.process(i));
    if (session == kNone) session = t.sessions++;
    t.invoke.push_back(static_cast<uint32_t>(i));
    t.complete.push_back(pair == History::kNone ? kNone : pair);
    t.state.push_back(state);
    t.session.push_back(session);
  }
}

namespace {

void join_parts(std::vector<Part>& parts, Transactions& t, unsigned threads) {
  std::vector<std::vector<uint32_t>> renamed(parts.size());
  KeyTable all;
  std::vector<size_t> first(parts.size() + 1, 0);
  t.mop_begin.reserve(t.size() + 1);
  t.mop_begin.push_back(0);
  for (size_t p = 0; p < parts.size(); ++p) {
    for (const uint8_t* key : parts[p].keys.keys())
      renamed[p].push_back(all.number(key, static_cast<size_t>(skip_value(key) - key)));
    first[p + 1] = first[p] + parts[p].mops.size();
    for (const uint32_t count : parts[p].counts) t.mop_begin.push_back(t.mop_begin.back() + count);
    for (const UnnamedWrite& w : parts[p].unnamed)
      t.unnamed.push_back({w.txn, w.key == kNone ? kNone : renamed[p][w.key]});
  }
  t.keys = std::move(all.keys());
  t.kept_keys = all.kept();
  t.value_bytes.assign(t.keys.size(), 0);
  for (size_t p = 0; p < parts.size(); ++p)
    for (size_t k = 0; k < renamed[p].size(); ++k) t.value_bytes[renamed[p][k]] += parts[p].value_bytes[k];
  t.mops.resize(first.back());
  t.values.resize(first.back());
  const auto numbered = [](const Part& part) { return !part.numbers.empty(); };
  if (std::any_of(parts.begin(), parts.end(), numbered))
    t.version_numbers.assign(first.back(), Transactions::kNoNumber);
  parallel_for(parts.size(), threads, [&](size_t p) {
    for (size_t i = 0; i < parts[p].mops.size(); ++i) {
      Mop mop = parts[p].mops[i];
      mop.key = renamed[p][mop.key];
      t.mops[first[p] + i] = mop;
      t.values[first[p] + i] = parts[p].values[i];
    }
    std::copy(parts[p].numbers.begin(), parts[p].numbers.end(),
              t.version_numbers.begin() + static_cast<ptrdiff_t>(numbered(parts[p]) ? first[p] : 0));
    parts[p] = Part();
  });
}

}  // namespace

std::vector<uint32_t> Transactions::by_return() const {
  std::vector<uint32_t> at;  // of each entry, whose completion it is
  size_t found = 0;
  for (uint32_t txn = 0; txn < size(); ++txn) {
    if (state[txn] != TxnState::ok) continue;
    if (complete[txn] >= at.size()) at.resize(std::max<size_t>(complete[txn] + 1, at.size() * 2), kNone);
    at[complete[txn]] = txn;
    ++found;
  }
  std::vector<uint32_t> out;
  out.reserve(found);
  for (const uint32_t txn : at)
    if (txn != kNone) out.push_back(txn);
  return out;
}

bool Transactions::may_have_written(uint32_t key) const {
  return std::any_of(unnamed.begin(), unnamed.end(),
                     [&](const UnnamedWrite& w) { return w.key == kNone || w.key == key; });
}

uint32_t Transactions::txn_of(uint32_t m) const {
  const auto after = std::upper_bound(mop_begin.begin(), mop_begin.end(), m);
  return static_cast<uint32_t>(after - mop_begin.begin()) - 1;
}

void ReadBehind::release() {
  history_.release_values(first_, last_);
  first_ = kNone;
  last_ = 0;
  count_ = 0;
}

size_t Transactions::memory_bytes() const {
  return invoke.capacity() * 4 + complete.capacity() * 4 + state.capacity() + session.capacity() * 4 +
         mop_begin.capacity() * 4 + mops.capacity() * 8 + keys.capacity() * 8 + values.capacity() * 8;
}

Result<Transactions> read_transactions(const History& history, unsigned threads) {
  Transactions t;
  list_transactions(history, t);
  const MopNames names;
  std::vector<Part> parts(std::max<size_t>(1, std::min<size_t>(16, t.size() / 4096)));
  parallel_for(parts.size(), threads,
               [&](size_t p) { read_part(history, t, part_of(t.size(), p, parts.size()), names, parts[p]); });
  bool appends = false;
  bool writes = false;
  bool scalars = false;
  for (const Part& part : parts) {
    if (part.error) return Error{*part.error};
    appends = appends || part.appends;
    writes = writes || part.writes;
    scalars = scalars || part.scalars;
  }
  if (appends && writes)
    return Error{"the history has both appends and plain writes: it is neither list-append nor rw-register"};
  t.appends = appends;
  t.writes = writes;
  t.workload = writes || (scalars && !appends) ? Workload::rw_register : Workload::list_append;
  join_parts(parts, t, threads);
  return t;
}

}  // namespace riven::checkers::isolation
