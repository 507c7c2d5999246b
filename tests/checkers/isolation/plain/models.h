// What each model forbids, once each key's versions are in order: the definitions, one after another.
#pragma once

#include "checkers/isolation/model.h"
#include "tests/checkers/isolation/plain/dependencies.h"

namespace riven::checkers::isolation::plain {

/// What shows without a look at dependencies.
struct Flaws {
  bool dirty = false;  ///< a committed transaction read what none installed: Adya's G1a, G1b and their like
  bool incoherent = false;    ///< no order of versions explains what was read of some key
  bool internal = false;      ///< a transaction contradicts itself: not Cerone's INT
  bool unrepeatable = false;  ///< a transaction read two states of a key
};

/// What some models forbid beyond their weaker relatives.
enum class Rule : uint8_t {
  monotonic_view,
  snapshot_reads,
  cursor,
  parallel,
  updates,
  serial,
  atomic_update,
  prefix,
  snapshot
};
/// Whether `d` breaks a rule, `order` (a session's, real time's, or nothing) being as visible as what was
/// read.
bool breaks(Rule rule, const Dependencies& d, const Relation& order);

/// The models of transactions that `d` breaks.
ModelSet broken_transaction_models(const Dependencies& d, const Flaws& flaws);
/// The shared-memory models that `d` breaks, where each micro-operation is an operation of its own.
ModelSet broken_memory_models(const Dependencies& d);
/// Of these, sequential, linearizable and per-key-linearizable alone.
ModelSet broken_order_models(const Dependencies& d);

}  // namespace riven::checkers::isolation::plain
