// Sets, counters and predicate reads against brute force: the models of serializability by executing
// transactions in every order, the others by what their reads say of registers. RIVEN_BRUTE_FORCE says how
// many, RIVEN_SEED which, RIVEN_BRUTE_FORCE_KIND (sets, predicates, counters) of which kind alone.
#include <array>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "tests/catch.h"
#include "tests/checkers/isolation/histories.h"
#include "tests/checkers/isolation/oracle_items.h"

namespace riven::checkers::isolation {

namespace {

using enum Model;

constexpr ModelSet kSharedMemory = bit(monotonic_reads) | bit(monotonic_writes) | bit(read_your_writes) |
                                   bit(writes_follow_reads) | bit(pram) | bit(causal) | bit(sequential) |
                                   bit(linearizable) | bit(per_key_linearizable);
constexpr ModelSet kSerializable = bit(serializable) | bit(view_serializable) | bit(one_copy_serializable) |
                                   bit(strong_session_serializable) | bit(session_serializable) |
                                   bit(strict_serializable);

uint64_t number_from(const char* variable, uint64_t otherwise) {
  const char* const text = std::getenv(variable);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

/// The models that hold, of those in `compared`.
struct Truth {
  ModelSet holding = 0;
  ModelSet compared = 0;
};
/// By the reads of one reading; none: they fit no version.
std::optional<ModelSet> holding_by_reads(const ItemHistory& h) {
  const auto items = as_registers(h, false);
  const auto all = as_registers(h, true);
  if (!items || !all) return std::nullopt;
  const ModelSet by_items = judge_by_force(*items).holding;
  const ModelSet by_all = judge_by_force(*all).holding;
  // What allows phantoms speaks of items; read committed of everything that was read.
  ModelSet both = by_items & by_all;
  const ModelSet of_items = implied_by(repeatable_read) | kSharedMemory | bit(monotonic_view);
  if (!h.sets) both |= by_items & of_items & ~bit(read_committed);
  ModelSet holding = 0;
  for (const Model m : members(~ModelSet{0} >> (64 - kModels)))
    if ((implied_by(m) & ~both) == 0) holding |= bit(m);
  return holding;
}
Truth truth_of(const ItemHistory& h) {
  Truth out{executable(h), kSerializable};
  const std::vector<ItemHistory> all = readings(h);
  if (all.empty()) return out;
  for (const ItemHistory& one : all) {
    const auto holding = holding_by_reads(one);
    if (!holding) return {executable(h), kSerializable};  // nothing but an execution is asked
    out.holding |= *holding & ~kSerializable;
  }
  out.compared = ~ModelSet{0} >> (64 - kModels);
  // In a read of a set nothing comes before anything.
  if (h.sets) out.compared &= ~(kSharedMemory | bit(monotonic_atomic_view) | bit(monotonic_view));
  return out;
}

std::string names(ModelSet set) {
  std::string out;
  for (const Model m : members(set)) out += std::string(name_of(m)) + " ";
  return out;
}

struct Tally {
  std::array<std::array<uint64_t, 3>, kModels> standings{};  // by Standing
};

/// The models on which the checker is wrong.
ModelSet wrong_on(const ItemHistory& small, Tally& tally) {
  const History history = to_history(small);
  Budget budget;
  budget.threads = 1;
  const auto a = analyse(history, {}, budget);
  if (!a) FAIL(a.error().message << "\n" << described(small));
  const Truth truth = truth_of(small);
  ModelSet wrong = without_evidence(history, *a);
  for (const Model m : members(truth.compared)) {
    const Standing s = a->decisions.standing(m);
    ++tally.standings[index_of(m)][static_cast<size_t>(s)];
    if (s != Standing::undecided && (s == Standing::holds) != ((truth.holding & bit(m)) != 0))
      wrong |= bit(m);
  }
  return wrong;
}

/// Whether some act makes the history one of sets or of predicates to the checker.
bool shows_its_kind(const ItemHistory& h) {
  for (const ItemTxn& t : h.txns)
    for (const TinyAct& a : t.acts)
      if (h.sets ? a.kind == TinyAct::write : a.kind == TinyAct::read_where) return true;
  return false;
}

ItemHistory shrunk(ItemHistory h, ModelSet wrong) {
  for (bool again = true; again;) {
    again = false;
    for (size_t t = 0; t < h.txns.size() && !again; ++t)
      for (size_t a = 0; a < h.txns[t].acts.size() && !again; ++a) {
        ItemHistory smaller = h;
        const TinyAct act = h.txns[t].acts[a];
        if (act.kind == TinyAct::write && h.txns[t].type != OpType::fail) continue;
        auto& acts = smaller.txns[t].acts;
        acts.erase(acts.begin() + static_cast<ptrdiff_t>(a));
        Tally ignored;
        if (!shows_its_kind(smaller) || (wrong_on(smaller, ignored) & wrong) == 0) continue;
        h = smaller;
        again = true;
      }
  }
  return h;
}

void run(ItemKind kind, const char* name, uint64_t seed) {
  Rng rng(number_from("RIVEN_SEED", seed));
  const uint64_t wanted = number_from("RIVEN_BRUTE_FORCE", 1500);
  Tally tally;
  ModelSet reported = 0;
  for (uint64_t done = 0; done < wanted;) {
    const ItemHistory h = random_items(rng, kind);
    if (!shows_its_kind(h)) continue;
    ++done;
    const ModelSet wrong = wrong_on(h, tally) & ~reported;
    if (wrong == 0) continue;
    reported |= wrong;
    const ItemHistory small = shrunk(h, wrong);
    Tally ignored;
    FAIL_CHECK(name << ", history " << done << ": wrong on " << names(wrong_on(small, ignored))
                    << "\nholding by brute force: " << names(truth_of(small).holding) << "\n"
                    << described(small));
  }
  if (std::getenv("RIVEN_BRUTE_FORCE") != nullptr)
    for (size_t m = 0; m < kModels; ++m)
      std::printf("%s %-46s holds %8lu refuted %8lu undecided %8lu\n", name,
                  std::string(name_of(static_cast<Model>(m))).c_str(),
                  static_cast<unsigned long>(tally.standings[m][0]),
                  static_cast<unsigned long>(tally.standings[m][1]),
                  static_cast<unsigned long>(tally.standings[m][2]));
  // Both verdicts are well represented.
  for (const Model m : {read_committed, read_atomic, snapshot_isolation, serializable, strict_serializable}) {
    INFO(name_of(m));
    CHECK(tally.standings[index_of(m)][static_cast<size_t>(Standing::holds)] * 300 > wanted);
    CHECK(tally.standings[index_of(m)][static_cast<size_t>(Standing::refuted)] * 300 > wanted);
  }
}

bool asked(const std::string& kind) {
  const char* const only = std::getenv("RIVEN_BRUTE_FORCE_KIND");
  return only == nullptr || kind == only;
}

}  // namespace

TEST_CASE("sets agree with brute force on small histories") {
  if (asked("sets")) run(ItemKind::sets, "sets", 11);
}
TEST_CASE("predicates agree with brute force on small histories") {
  if (asked("predicates")) run(ItemKind::rows, "predicates", 12);
}
TEST_CASE("counters agree with brute force on small histories") {
  if (asked("counters")) run(ItemKind::counters, "counters", 13);
}

}  // namespace riven::checkers::isolation
