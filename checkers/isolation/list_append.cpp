#include <algorithm>
#include <atomic>
#include <optional>
#include <unordered_map>

#include "checkers/isolation/element_index.h"
#include "checkers/isolation/parallel.h"
#include "checkers/isolation/versions.h"

namespace riven::checkers::isolation {

namespace {

/// The lists read from one key and its appended elements, as numbers.
class KeyOrder {
 public:
  KeyOrder(Transactions& t, const KeyGroups& groups, std::vector<uint8_t>& observed,
           std::vector<uint32_t>& writer, Findings& findings)
      : t_(t), groups_(groups), observed_(observed), writer_(writer), findings_(findings) {}

  bool disputed = false;  ///< reads of the key contradict each other

  /// Returns an error message for a history that is not list-append.
  std::optional<std::string> run(uint32_t key) {
    disputed = false;
    key_ = key;
    first_of_txn_ = writer_.size();
    if (auto error = find_trunk()) return error;
    number_trunk();
    place_reads();
    if (!off_trunk_.empty()) {  // of lists that contradict each other the bytes do not tell which is longest
      find_longest();
      number_trunk();
      place_reads();
    }
    if (auto error = place_appends()) return error;
    if (!off_trunk_.empty()) judge_off_trunk();
    judge_trunk();
    if (!off_trunk_.empty()) forget_disputed();
    return std::nullopt;
  }

 private:
  struct List {
    const uint8_t* bytes = nullptr;
    size_t length = 0;
    bool packed = true;
  };
  bool is_ok(uint32_t txn) const { return t_.state[txn] == TxnState::ok; }
  auto begin() const { return groups_.entries.begin() + groups_.begin[key_]; }
  auto end() const { return groups_.entries.begin() + groups_.begin[key_ + 1]; }

  std::optional<std::string> find_trunk() {
    trunk_ = {};
    mixed_ = false;
    bool packed = false;
    bool plain = false;
    for (auto it = begin(); it != end(); ++it) {
      if (t_.mops[it->mop].is_write() || !is_ok(it->txn)) continue;
      const ValueView v(t_.values[it->mop]);
      if (v.is_nil()) continue;
      if (!v.is_list())
        return "key " + to_edn(t_.key(key_)) + " was read as " + to_edn(v.to_value()) +
               (v.is_set()
                    ? ", a set: the order of appends is told by the order of the elements read, which a "
                      "set has not (sets are written with [:add key element])"
                    : ", which is no list: appends are read as lists");
      if (v.empty()) continue;
      (v.is_integer_list() ? packed : plain) = true;
    }
    mixed_ = plain;
    reencoded_.clear();
    for (auto it = begin(); it != end(); ++it) {
      if (t_.mops[it->mop].is_write() || !is_ok(it->txn)) continue;
      const List list = list_of(it->mop);
      if (list.length > trunk_.length) trunk_ = list;
    }
    return std::nullopt;
  }

  void find_longest() {
    size_t most = 0;
    for (auto it = begin(); it != end(); ++it) {
      if (t_.mops[it->mop].is_write() || !is_ok(it->txn)) continue;
      const List list = list_of(it->mop);
      size_t count = 0;
      for_each_element(list, [&](int64_t, size_t) { ++count; });
      if (count > most) trunk_ = list;
      most = std::max(most, count);
    }
  }

  /// The elements read by mop `m`, all lists of the key in the same form.
  List list_of(uint32_t m) {
    const ValueView v(t_.values[m]);
    if (v.is_nil() || v.empty()) return {};
    if (!mixed_ || !v.is_integer_list()) return {v.element_bytes(), v.length(), !mixed_};
    auto& bytes = reencoded_[m];
    if (bytes.empty()) {
      ValueWriter writer(bytes);
      v.for_each_integer([&](int64_t i) { writer.integer(i); });
    }
    return {bytes.data(), bytes.size(), false};
  }

  /// Calls fn(element number, bytes consumed) for each element of a list. Integer lists number an element by
  /// itself, others by its encoded bytes.
  template <typename Fn>
  void for_each_element(const List& list, Fn&& fn) {
    int64_t sum = 0;
    for (const uint8_t* at = list.bytes; at != list.bytes + list.length;) {
      if (list.packed) {
        sum = static_cast<int64_t>(static_cast<uint64_t>(sum) +
                                   static_cast<uint64_t>(encoding::unzigzag(encoding::read_varint(at))));
        fn(sum, static_cast<size_t>(at - list.bytes));
      } else {
        const uint8_t* const next = skip_value(at);
        const int64_t number = element_number(at, next);
        at = next;
        fn(number, static_cast<size_t>(at - list.bytes));
      }
    }
  }
  int64_t element_number(const uint8_t* from, const uint8_t* to) {
    const auto [at, fresh] = names_.try_emplace(
        std::string(reinterpret_cast<const char*>(from), static_cast<size_t>(to - from)), names_.size());
    return static_cast<int64_t>(at->second);
  }
  std::optional<int64_t> appended_number(uint32_t m) {
    if (mixed_) return element_number(t_.values[m], skip_value(t_.values[m]));
    const ValueView v(t_.values[m]);
    return v.is_integer() ? std::optional(v.integer()) : std::nullopt;
  }

  void number_trunk() {
    names_.clear();
    elements_.clear();
    ends_.assign(1, 0);
    for_each_element(trunk_, [&](int64_t number, size_t consumed) {
      elements_.push_back(number);
      ends_.push_back(static_cast<uint32_t>(consumed));
    });
    index_.build(elements_);
    writer_.resize(first_of_txn_);
    writer_.resize(first_of_txn_ + elements_.size(), kNone);
    mop_at_.assign(elements_.size() + 1, kNone);
  }

  void place_reads() {
    off_trunk_.clear();
    for (auto it = begin(); it != end(); ++it) {
      Mop& mop = t_.mops[it->mop];
      if (mop.is_write() || !is_ok(it->txn)) continue;
      const List list = list_of(it->mop);
      if (list.length > trunk_.length ||
          (list.length > 0 && std::memcmp(list.bytes, trunk_.bytes, list.length) != 0)) {
        mop.set_version(Mop::kOffTrunk);
        off_trunk_.push_back(*it);
        continue;
      }
      mop.set_version(list.length < ends_.size() && ends_[list.length] == list.length
                          ? static_cast<uint32_t>(list.length)
                          : static_cast<uint32_t>(std::lower_bound(ends_.begin(), ends_.end(), list.length) -
                                                  ends_.begin()));
    }
  }

  std::optional<std::string> place_appends() {
    nonfinal_.clear();
    uint32_t previous = kNone;  // the last append of the same transaction
    uint32_t previous_txn = kNone;
    for (auto it = begin(); it != end(); ++it) {
      Mop& mop = t_.mops[it->mop];
      if (!mop.is_write()) continue;
      const auto element = appended_number(it->mop);
      const uint32_t p = element ? index_.position_of(*element) : 0;
      mop.set_version(p == 0 ? Mop::kUnobserved : p);
      if (previous_txn == it->txn && previous != 0) nonfinal_.push_back(previous);
      previous = p;
      previous_txn = it->txn;
      if (p == 0) continue;
      uint32_t& writer = writer_[first_of_txn_ + p - 1];
      if (writer != kNone && t_.state[it->txn] == TxnState::failed) continue;  // a retry of an aborted write
      if (writer != kNone && t_.state[writer] != TxnState::failed)
        return "element " + to_edn(ValueView(t_.values[it->mop]).to_value()) + " was appended to key " +
               to_edn(t_.key(key_)) + " twice: versions cannot be told apart";
      writer = it->txn;
      mop_at_[p] = it->mop;
      if (t_.state[it->txn] == TxnState::unknown) mark_observed(it->txn);
    }
    return std::nullopt;
  }
  void mark_observed(uint32_t txn) {
    std::atomic_ref<uint8_t>(observed_[txn]).store(1, std::memory_order_relaxed);
  }

  // Everything that the reads on the trunk show, in O(1) each.
  void judge_trunk() {
    uint32_t garbage_from = Mop::kUnobserved;
    uint32_t aborted_from = Mop::kUnobserved;
    const uint32_t length = static_cast<uint32_t>(elements_.size());
    uint32_t last_committed = 0;
    for (uint32_t p = length; p >= 1; --p) {
      const uint32_t writer = writer_[first_of_txn_ + p - 1];
      if (writer == kNone) {
        if (index_.position_of(elements_[p - 1]) == p) garbage_from = p;  // else it occurs twice
      } else if (t_.state[writer] == TxnState::failed) {
        aborted_from = p;
        if (last_committed != 0)
          findings_.add(Kind::dirty_update, {writer_[first_of_txn_ + last_committed - 1],
                                             mop_at_[last_committed], writer, mop_at_[p], key_});
      } else if (t_.state[writer] == TxnState::ok) {
        last_committed = p;
      }
    }
    if (nonfinal_.empty() &&
        std::min({garbage_from, aborted_from, index_.duplicate_from()}) == Mop::kUnobserved)
      return;
    std::sort(nonfinal_.begin(), nonfinal_.end());
    for (auto it = begin(); it != end(); ++it) {
      const Mop mop = t_.mops[it->mop];
      if (!mop.is_known_read() || !is_ok(it->txn)) continue;
      const uint32_t p = mop.version();
      if (p >= garbage_from)
        findings_.add_garbage({it->txn, it->mop, kNone, kNone, key_}, t_.may_have_written(key_));
      if (p >= index_.duplicate_from())
        findings_.add(Kind::duplicate_elements, {it->txn, it->mop, kNone, kNone, key_});
      if (p >= aborted_from)
        findings_.add(Kind::g1a, {it->txn, it->mop, writer_[first_of_txn_ + aborted_from - 1],
                                  mop_at_[aborted_from], key_});
      if (std::binary_search(nonfinal_.begin(), nonfinal_.end(), p)) {
        const uint32_t writer = writer_[first_of_txn_ + p - 1];
        if (writer != it->txn && writer != kNone)
          findings_.add(Kind::g1b, {it->txn, it->mop, writer, mop_at_[p], key_});
      }
    }
  }

  // Where reads contradict each other, only what all of them begin with is in a certain order. What follows
  // comes after it, nobody knows how: like writes that nobody saw.
  void forget_disputed() {
    size_t agreed = elements_.size();
    for (const auto& read : off_trunk_) {
      size_t same = 0;
      bool differs = false;
      for_each_element(list_of(read.mop), [&](int64_t element, size_t) {
        differs = differs || same == elements_.size() || elements_[same] != element;
        same += differs ? 0 : 1;
      });
      agreed = std::min(agreed, same);
    }
    for (size_t p = agreed; p < elements_.size(); ++p)
      if (const uint32_t writer = writer_[first_of_txn_ + p];
          writer != kNone && t_.state[writer] == TxnState::unknown)
        mark_observed(writer);
    for (auto it = begin(); it != end(); ++it) {
      Mop& mop = t_.mops[it->mop];
      if (mop.version() <= agreed || mop.version() > elements_.size()) continue;
      mop.set_version(mop.is_write() ? Mop::kUnobserved : Mop::kOffTrunk);
    }
    writer_.resize(first_of_txn_ + agreed);
    disputed = true;
  }

  // Reads that contradict the longest: slower, element by element.
  void judge_off_trunk() {
    std::unordered_map<int64_t, KeyGroups::Entry> appends;
    std::unordered_map<uint32_t, uint32_t> last_append;  // per transaction
    for (auto it = begin(); it != end(); ++it) {
      if (!t_.mops[it->mop].is_write()) continue;
      last_append[it->txn] = it->mop;
      if (const auto element = appended_number(it->mop)) appends.try_emplace(*element, *it);
    }
    for (const auto& read : off_trunk_) {
      findings_.add(Kind::incompatible_order, {read.txn, read.mop, kNone, kNone, key_});
      std::vector<int64_t> seen;
      bool garbage = false;
      const KeyGroups::Entry* aborted = nullptr;
      const KeyGroups::Entry* last = nullptr;
      for_each_element(list_of(read.mop), [&](int64_t element, size_t) {
        seen.push_back(element);
        const auto at = appends.find(element);
        last = at == appends.end() ? nullptr : &at->second;
        if (last == nullptr) {
          garbage = true;
          return;
        }
        if (t_.state[last->txn] == TxnState::failed && aborted == nullptr) aborted = last;
        if (t_.state[last->txn] == TxnState::unknown) mark_observed(last->txn);
      });
      std::sort(seen.begin(), seen.end());
      if (garbage) findings_.add_garbage({read.txn, read.mop, kNone, kNone, key_}, t_.may_have_written(key_));
      if (std::adjacent_find(seen.begin(), seen.end()) != seen.end())
        findings_.add(Kind::duplicate_elements, {read.txn, read.mop, kNone, kNone, key_});
      if (aborted != nullptr)
        findings_.add(Kind::g1a, {read.txn, read.mop, aborted->txn, aborted->mop, key_});
      if (last != nullptr && last->txn != read.txn && last_append[last->txn] != last->mop)
        findings_.add(Kind::g1b, {read.txn, read.mop, last->txn, last->mop, key_});
    }
  }

  Transactions& t_;
  const KeyGroups& groups_;
  std::vector<uint8_t>& observed_;
  std::vector<uint32_t>& writer_;  // of this part's keys, one key after the other
  Findings& findings_;

  uint32_t key_ = 0;
  bool mixed_ = false;  // some element is no integer
  List trunk_;          // the longest list read
  size_t first_of_txn_ = 0;
  std::vector<int64_t> elements_;
  std::vector<uint32_t> ends_;      // bytes up to and including element p
  ElementIndex index_;              // of elements_
  std::vector<uint32_t> mop_at_;    // the append of version p
  std::vector<uint32_t> nonfinal_;  // versions that their own transaction overwrote
  std::vector<KeyGroups::Entry> off_trunk_;
  std::unordered_map<std::string, size_t> names_;
  std::unordered_map<uint32_t, std::vector<uint8_t>> reencoded_;
};

}  // namespace

namespace {

/// The orders of some keys, one after the other.
struct OrderedKeys {
  std::vector<uint32_t> disputed;
  std::vector<uint32_t> writer;
  std::vector<uint32_t> lengths;
  Findings findings;
  std::optional<std::string> error;
};

}  // namespace

Result<VersionOrders> order_appends(Transactions& t, const KeyGroups& groups, GatheredValues& values,
                                    unsigned threads, Findings& findings) {
  std::vector<uint8_t> observed(t.size(), 0);
  VersionOrders orders;
  orders.base.reserve(t.keys.size() + 1);
  orders.base.push_back(0);
  for (const Range group : values.groups()) {
    values.gather(group);
    const size_t mops = groups.begin[group.end] - groups.begin[group.begin];
    std::vector<OrderedKeys> parts(
        std::max<size_t>(1, std::min<size_t>({64, group.end - group.begin, mops / 4096})));
    parallel_for(parts.size(), threads, [&](size_t i) {
      OrderedKeys& part = parts[i];
      const Range keys = part_of(group.end - group.begin, i, parts.size());
      KeyOrder one(t, groups, observed, part.writer, part.findings);
      for (size_t k = keys.begin; k < keys.end && !part.error; ++k) {
        const size_t before = part.writer.size();
        part.error = one.run(static_cast<uint32_t>(group.begin + k));
        part.lengths.push_back(static_cast<uint32_t>(part.writer.size() - before));
        if (one.disputed) part.disputed.push_back(static_cast<uint32_t>(group.begin + k));
      }
    });
    for (OrderedKeys& part : parts) {
      if (part.error) return Error{*part.error};
      for (const uint32_t length : part.lengths) orders.base.push_back(orders.base.back() + length);
      orders.writer.insert(orders.writer.end(), part.writer.begin(), part.writer.end());
      orders.disputed.insert(orders.disputed.end(), part.disputed.begin(), part.disputed.end());
      findings.merge(part.findings);
      part = {};
    }
    values.give_back();
  }
  for (size_t txn = 0; txn < t.size(); ++txn)
    if (observed[txn] != 0) t.state[txn] = TxnState::observed;
  return orders;
}

}  // namespace riven::checkers::isolation
