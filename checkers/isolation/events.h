// A history as what each event read and wrote, without an order of versions: transactions, or single
// micro-operations.
#pragma once

#include <cstdint>
#include <vector>

#include "checkers/isolation/versions.h"

namespace riven::checkers::isolation {

/// Events are transactions (numbered as there) or micro-operations. What is not committed reads and writes
/// nothing. Reads of own writes and of what nobody committed are left out.
struct Events {
  struct Read {
    uint32_t key;
    uint32_t writer;  ///< event, or `initial()`
    uint32_t mop;
  };
  bool single_mops = false;
  std::vector<uint32_t> previous;    ///< event before it in its session, or kNone
  std::vector<uint32_t> chain;       ///< its session; an event that nothing follows may have one of its own
  std::vector<uint32_t> place;       ///< in its chain, from 1; 0: not committed
  std::vector<uint32_t> read_begin;  ///< per event, and one more
  std::vector<Read> reads;           ///< in the order of micro-operations
  std::vector<uint32_t> write_begin;
  std::vector<uint32_t> writes;  ///< keys, ascending, each once
  uint32_t chains = 0;

  uint32_t size() const { return static_cast<uint32_t>(previous.size()); }
  /// Stands for the initial state in edges: it comes before whatever is said to come before it.
  uint32_t initial() const { return size(); }
  bool counts(uint32_t event) const { return place[event] != 0; }
  bool wrote(uint32_t event, uint32_t key) const;
};

/// The versions in `orders` need be in no true order: they only tell who wrote what a read saw.
Events list_events(const Transactions& t, const VersionOrders& orders, bool single_mops);

/// Session order and reads: kProcess and kWr edges between events.
void add_seen_edges(const Events& events, bool sessions, std::vector<Edge>& edges);

/// The events that wrote each key, by chain and place.
struct KeyWriters {
  std::vector<uint32_t> begin;  ///< per key, and one more
  std::vector<uint32_t> events;
  std::vector<uint64_t> where;  ///< of each: chain << 32 | place
};
KeyWriters writers_by_key(const Events& events, size_t keys);

}  // namespace riven::checkers::isolation
