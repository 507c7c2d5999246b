// Why one version of a register comes before another, found again: whoever inferred the order keeps no
// reasons.
#pragma once

#include <optional>

#include "checkers/isolation/analysis.h"
#include "checkers/isolation/verify/argument.h"

namespace riven::checkers::isolation {

/// Numbers of transactions and micro-operations as the history has them.
class Places {
 public:
  explicit Places(const Transactions& t) : t_(t) {}
  Access of(uint32_t mop) const { return of(t_.txn_of(mop), mop); }
  Access of(uint32_t txn, uint32_t mop) const { return {t_.invoke[txn], t_.place_of(txn, mop)}; }
  Access whole(uint32_t txn) const { return {t_.invoke[txn], kNone}; }

 private:
  const Transactions& t_;
};

/// Borrows all three. Each question costs the accesses of the key.
class Reasons {
 public:
  Reasons(const Transactions& t, const VersionOrders& orders, const KeyGroups& groups,
          const RegisterOptions& assumed)
      : t_(t), orders_(orders), groups_(groups), assumed_(assumed), places_(t) {}

  /// The write of a version in the orders, or kNone.
  uint32_t maker(uint32_t key, uint32_t version) const;
  /// Why version `a` (0: the initial one) comes before version `b`, by one step. `by_time`: real time counts,
  /// whether or not it is taken for granted that it orders the versions of a key.
  std::optional<Before> before(uint32_t key, uint32_t a, uint32_t b, bool by_time) const;
  /// The same by one step, or by those from each version to the next in the orders; real time last.
  std::optional<VersionChain> chain(uint32_t key, uint32_t a, uint32_t b) const;

 private:
  struct Accesses {
    std::vector<KeyGroups::Entry> all;  ///< who made or saw it, in the order of micro-operations
  };
  Accesses accesses(uint32_t key, uint32_t version) const;
  std::optional<Before> inside(const Accesses& a, const Accesses& b, Why why) const;
  std::optional<Before> by_number(const Accesses& a, const Accesses& b) const;
  std::optional<Before> by_session(const Accesses& a, const Accesses& b) const;
  std::optional<Before> by_return(const Accesses& a, const Accesses& b) const;

  const Transactions& t_;
  const VersionOrders& orders_;
  const KeyGroups& groups_;
  const RegisterOptions& assumed_;
  Places places_;
};

}  // namespace riven::checkers::isolation
