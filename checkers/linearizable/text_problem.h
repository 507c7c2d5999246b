// A key that is appended to, prepared for the search over texts.
#pragma once

#include <map>
#include <span>
#include <utility>
#include <vector>

#include "checkers/linearizable/operation.h"
#include "checkers/linearizable/text_trie.h"
#include "checkers/linearizable/texts.h"

namespace riven::linearizable {

/// Completed operations by invocation, crashed ones by kind; appends of nothing are left out: they are
/// possible at any moment.
struct TextProblem {
  struct Live {
    Operation op;
    uint32_t member = 0;  ///< operation of the part
    uint32_t kind = 0;    ///< the same for the same put or append
    TextPlace place;      ///< of what was read or put
  };
  /// Crashed updates that are the same.
  struct Pool {
    bool put = false;
    uint32_t kind = 0;
    TextPlace place;                ///< of what was put
    std::vector<uint32_t> invoked;  ///< sorted
    std::vector<uint32_t> members;  ///< in the same order
  };
  struct Event {
    enum Kind : uint8_t { invoke, complete, crash } kind;
    uint32_t which;
    uint32_t time;
  };

  TextProblem(std::span<const Operation> part, const Texts& texts);
  uint32_t most_in_flight() const;
  std::string_view piece(const Live& append) const { return texts->piece(append.op.a); }
  uint64_t memory_bytes() const;

  const Texts* texts;
  TextTrie trie;
  std::vector<Live> live;
  std::vector<Pool> pools;
  PieceIndex crashed_appends;          ///< with their pools
  std::vector<uint32_t> crashed_puts;  ///< pools of those that a read may begin with
  std::vector<Event> events;
  std::vector<uint32_t> nothing;  ///< completed appends of nothing: operations of the part
  uint32_t kinds = 0;
};

}  // namespace riven::linearizable
