#include "harness/report/glossary.h"

namespace riven::report {
namespace {

struct Term {
  std::string_view type;
  std::string_view sentence;
};

constexpr Term kTerms[] = {
    {"nonlinearizable",
     "No order of the operations that respects real time explains every answer that was given."},
    {"non-linearizable",
     "No order of the operations that respects real time explains every answer that was given."},
    {"stale-read", "A read answered with a value that had been overwritten before the read began."},
    {"future-read", "A read answered with a value that was written only later."},
    {"garbage-read", "A read answered with a value that nobody ever wrote."},
    {"read-skew",
     "A transaction saw one state of one item and another state of a second: never both at one time."},
    {"non-repeatable-read", "A transaction read the same item twice and saw two different states."},
    {"dirty-write", "Transactions overwrote each other in a circle, so their writes have no order."},
    {"circular-information-flow", "Transactions read each other's writes in a circle."},
    {"reordered-writes", "Writes of one transaction to one item took effect in another order than its own."},
    {"non-monotonic-session", "A session went back in time: it saw less than it had seen or done before."},
    {"unwritten-read", "A read answered with a value that nobody ever wrote."},
    {"G0", "Dirty write: transactions overwrote each other in a circle, so their writes have no order."},
    {"G1a", "Aborted read: a transaction read what an aborted one had written."},
    {"G1b", "Intermediate read: a transaction read a value that its writer went on to change."},
    {"G1c", "Circular information flow: transactions read or overwrote each other in a circle."},
    {"G-single",
     "Read skew: a circle of dependencies in which exactly one transaction read a state that another had "
     "already replaced."},
    {"G-single-item",
     "Read skew on single items: a circle with exactly one read of a state already replaced."},
    {"G-nonadjacent",
     "A circle of dependencies with several outdated reads, no two of them next to each other: "
     "snapshot isolation forbids it."},
    {"G-nonadjacent-item",
     "A circle with several outdated reads of items, no two next to each other: snapshot "
     "isolation forbids it."},
    {"G2", "A circle of dependencies with outdated reads: the transactions have no serial order."},
    {"G2-item",
     "Write skew: a circle of dependencies with outdated reads of items; the transactions have no serial "
     "order."},
    {"internal", "A transaction did not see its own earlier reads or writes."},
    {"lost-update", "Two transactions read the same version and both wrote: one of the updates is lost."},
    {"dirty-update", "A committed transaction built on what an aborted one had written."},
    {"write-skew", "Two transactions each read what the other one then wrote; they have no serial order."},
    {"long-fork", "Two readers saw two writes in opposite orders."},
    {"fractured-read", "A transaction saw some of another's writes and missed others."},
    {"incompatible-order", "Reads of one key showed its elements in orders that contradict each other."},
    {"duplicate-elements", "An element that was added once shows up several times."},
    {"duplicate", "An element that was added once came back several times."},
    {"cyclic-versions", "The versions of one key would have to follow each other in a circle."},
    {"lost", "Something that was acknowledged is gone."},
    {"lost-write", "A write that was acknowledged is gone."},
    {"unexpected", "Something came back that nobody had put in."},
    {"phantom", "Something came back that nobody had put in."},
    {"reordered", "Elements came back in another order than they were put in."},
    {"mutual-exclusion", "Two clients held the same lock at the same time."},
    {"monotonic-reads", "A client saw a newer state first and an older one later."},
    {"read-your-writes", "A client did not see what it had written itself."},
    {"duplicate-id", "An identifier that had to be unique was handed out twice."},
};

std::string_view without_suffix(std::string_view type, std::string_view suffix) {
  if (type.size() <= suffix.size() || type.substr(type.size() - suffix.size()) != suffix) return {};
  return type.substr(0, type.size() - suffix.size());
}

}  // namespace

std::string_view meaning(std::string_view type) {
  for (const std::string_view suffix : {"-process", "-realtime"})
    if (const std::string_view base = without_suffix(type, suffix); !base.empty()) return meaning(base);
  for (const Term& term : kTerms)
    if (term.type == type) return term.sentence;
  return {};
}

std::string_view meaning_of_suffix(std::string_view type) {
  if (!without_suffix(type, "-process").empty())
    return "The circle needs the order in which one process acted: the model allows it without sessions.";
  if (!without_suffix(type, "-realtime").empty())
    return "The circle needs real time (one operation ended before another began): only strict models forbid "
           "it.";
  return {};
}

}  // namespace riven::report
