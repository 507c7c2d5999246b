// What refutes models, said of the history alone: somebody who knows nothing of how it was found can check
// it.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "checkers/isolation/findings.h"
#include "harness/core/value.h"

namespace riven::checkers::isolation {

/// A micro-operation: the entry of the history that invoked its transaction, and its place in the value. A
/// place of kNone: the transaction as a whole. All kNone: nothing, of a version the initial one.
struct Access {
  uint32_t invoke = kNone;
  uint32_t place = kNone;
  bool none() const { return invoke == kNone; }
  friend bool operator==(const Access&, const Access&) = default;
};

/// Why a version of a register comes before another.
enum class Why : uint8_t {
  initial,       ///< it is the initial one
  own_order,     ///< one transaction wrote both in this order
  follows_read,  ///< the transaction of the later one had read the earlier one before
  number,        ///< the numbers of versions say so
  session,       ///< a session saw or made them in this order
  realtime,      ///< an access of the one returned before an access of the other was invoked
  assumed,       ///< one of the two cases of an Argument
};
struct Before {
  Why why = Why::initial;
  Access first, second;  ///< accesses of the earlier and of the later version that show it
};
/// Versions of one key, each before the next one.
struct VersionChain {
  std::vector<Access> makers;  ///< the writes; the first may be nothing: the initial version
  std::vector<Before> steps;   ///< between each two
};

/// Why `from` comes before `to`.
enum class Relation : uint8_t {
  ww,          ///< both wrote the key, `to` a later version
  wr,          ///< `to` read the version of `from`
  rw,          ///< `to` wrote a later version than `from` read
  session,     ///< transactions of one session
  realtime,    ///< `from` returned before `to` was invoked
  order,       ///< accesses of a key, for models that take each by itself: `to` saw or made a later version,
               ///< or read the one that `from` made
  own_update,  ///< `from` read the key, did not see the version of `to` and wrote the key itself: an update
               ///< is lost, unless its write comes first
  overtaken,   ///< causal memory: `from` read the write `read`, and by `path` (of accesses) `to` comes after
               ///< it
  seen,        ///< who saw `from` (through `path`) read the key from `to`: the version of `from` comes first
};

struct Link {
  Relation relation = Relation::ww;
  Access from, to;
  Access witness;        ///< lists, between two writes: a read that has the one and not the other before it;
                         ///< own_update: the write of `from`
  VersionChain chain;    ///< registers: from the version of `from` to that of `to`
  bool assumed = false;  ///< lists: one of the two cases of an Argument
  std::vector<Link> path;  ///< seen: from `from` to the reader; overtaken: from `read` to `to`
  Access read;             ///< seen: by the reader; overtaken: the write that was read
};

/// An anomaly that needs no cycle. What `other` is, findings.h says for each kind.
struct Direct {
  Kind kind = Kind::garbage_read;
  Access shows, other;
  Access witness;  ///< where two lists are compared: the other list
  Value key;
};

/// One of: links in a circle; versions in a circle; an anomaly without cycle; two arguments, one for each
/// order of the versions that two writes made.
struct Argument {
  std::vector<Link> links;
  VersionChain circle;  ///< the first version again at the end
  std::optional<Direct> direct;
  Access first, second;         ///< the two writes,
  std::vector<Argument> cases;  ///< the first one earlier, the second one earlier
  /// Transactions that did not return ok and yet took effect: somebody read what they wrote.
  struct Observation {
    Access write, read;
  };
  std::vector<Observation> observed;
};

}  // namespace riven::checkers::isolation
