// Large synthetic histories as in research/linearizability.md, section 2: clients in flight 91% of the time.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <set>
#include <vector>

#include "checkers/linearizable/operation.h"
#include "harness/core/history.h"
#include "harness/core/rng.h"

namespace riven::linearizable::testing {

struct LargeShape {
  Model model = Model::cas_register;  ///< cas_register, or a collection or set with distinct values
  uint32_t operations = 1000;
  uint32_t clients = 10;
  double crashed = 0;
  bool unique = true;  ///< registers: every written value is fresh; else 0..4
  bool cas = true;
  bool only_cas = false;  ///< registers: no plain writes
  bool fault = false;     ///< registers: one read near 97% is stale; collections: two takes are swapped
  uint32_t final_crashed_writes = 0;  ///< pending at the end, values 0..4
  uint64_t seed = 1;
};

namespace large {

enum class Kind : uint8_t { read, write, cas, insert, take, add, remove, contains };

struct Call {
  double begin = 0;
  double point = 0;
  double end = 0;
  Process process = 0;
  Kind kind = Kind::read;
  OpType outcome = OpType::ok;
  int64_t argument = 0;  // -1: nil
  int64_t to = 0;        // cas
  int64_t answer = -1;   // -1: nil
};

class LargeMaker {
 public:
  explicit LargeMaker(const LargeShape& shape) : shape_(shape), rng_(shape.seed) {}

  History make() {
    schedule();
    run();
    if (shape_.fault) collection() ? swap_takes() : make_stale();
    return write();
  }

 private:
  bool collection() const { return shape_.model != Model::cas_register && shape_.model != Model::reg; }

  void schedule() {
    calls_.reserve(shape_.operations);
    std::vector<double> now(shape_.clients);
    std::vector<Process> process(shape_.clients);
    Process next = 0;
    for (uint32_t c = 0; c < shape_.clients; ++c) {
      now[c] = rng_.unit();
      process[c] = next++;
    }
    const auto exponential = [&](double mean) { return -mean * std::log(1 - rng_.unit()); };
    for (uint32_t i = 0; i < shape_.operations; ++i) {
      const uint32_t c = i % shape_.clients;
      Call call;
      call.begin = now[c] + exponential(0.1);
      call.end = call.begin + exponential(1.0);
      call.point = call.begin + rng_.unit() * (call.end - call.begin);
      call.process = process[c];
      if (rng_.chance(shape_.crashed)) {
        call.outcome = OpType::info;
        process[c] = next++;
      }
      now[c] = call.end;
      calls_.push_back(call);
    }
    retired_ = next;
    std::sort(calls_.begin(), calls_.end(), [](const Call& x, const Call& y) { return x.point < y.point; });
  }

  void run() {
    for (Call& call : calls_) {
      const bool effect = call.outcome == OpType::ok || rng_.chance(0.5);
      if (shape_.model == Model::set) {
        run_set(call, effect);
      } else if (collection()) {
        run_collection(call, effect);
      } else {
        run_register(call, effect);
      }
    }
  }

  void run_register(Call& call, bool effect) {
    const uint64_t dice = rng_.below(4);
    const auto fresh = [&] { return shape_.unique ? ++last_ : static_cast<int64_t>(rng_.below(5)); };
    if (dice < 2) {
      call.kind = Kind::read;
      call.answer = value_;
    } else if ((dice == 2 && !shape_.only_cas) || !shape_.cas) {
      call.kind = Kind::write;
      call.argument = fresh();
      if (effect) value_ = call.argument;
    } else {
      call.kind = Kind::cas;
      call.argument = rng_.chance(0.7) ? value_
                      : shape_.unique  ? std::max<int64_t>(0, last_ - static_cast<int64_t>(rng_.below(20)))
                                       : static_cast<int64_t>(rng_.below(5));
      call.to = fresh();
      if (call.argument != value_) {
        if (call.outcome == OpType::ok) call.outcome = OpType::fail;
      } else if (call.to == call.argument) {
        call.kind = Kind::write;
        call.argument = call.to;
      } else if (effect) {
        value_ = call.to;
      }
    }
  }

  void run_collection(Call& call, bool effect) {
    call.kind = rng_.chance(0.5) ? Kind::insert : Kind::take;
    if (call.kind == Kind::insert) {
      call.argument = ++last_;
      if (shape_.model == Model::priority_queue)
        call.argument = static_cast<int64_t>(mix64(static_cast<uint64_t>(last_)) >> 20);
      if (effect) put(call.argument);
    } else if (effect) {
      call.answer = get();
    }
  }

  void put(int64_t v) {
    if (shape_.model == Model::priority_queue) {
      sorted_.insert(v);
    } else {
      items_.push_back(v);
    }
  }
  int64_t get() {
    if (shape_.model == Model::priority_queue) {
      if (sorted_.empty()) return -1;
      const int64_t v = *sorted_.rbegin();
      sorted_.erase(v);
      return v;
    }
    if (front_ == items_.size()) return -1;
    if (shape_.model == Model::fifo_queue) return items_[front_++];
    const int64_t v = items_.back();
    items_.pop_back();
    return v;
  }

  void run_set(Call& call, bool effect) {
    // Elements live in a window that moves, so that each is added, looked for and removed.
    const uint64_t dice = rng_.below(3);
    if (dice == 0 || last_ < 40) {
      call.kind = Kind::add;
      call.argument = ++last_;
      call.answer = 1;
      if (effect) sorted_.insert(call.argument);
    } else if (dice == 1) {
      call.kind = Kind::remove;
      call.argument = ++removed_;
      call.answer = 0;
      if (effect) call.answer = sorted_.erase(call.argument) > 0 ? 1 : 0;
    } else {
      call.kind = Kind::contains;
      call.argument = std::max<int64_t>(1, last_ - static_cast<int64_t>(rng_.below(60)));
      call.answer = sorted_.count(call.argument) > 0 ? 1 : 0;
    }
  }

  /// A read near 97% that saw what had been overwritten before it began.
  void make_stale() {
    for (size_t i = calls_.size() * 97 / 100; i < calls_.size(); ++i) {
      Call& read = calls_[i];
      if (read.kind != Kind::read || read.outcome != OpType::ok) continue;
      for (int64_t tries = 0; tries < 20; ++tries) {
        const int64_t v = shape_.unique ? read.answer - 3 * static_cast<int64_t>(shape_.clients) - tries
                                        : static_cast<int64_t>(rng_.below(5));
        if (v > 0 && (shape_.unique ? written(v) : !near(v, read))) {
          read.answer = v;
          return;
        }
      }
    }
  }
  bool written(int64_t v) const {
    return std::any_of(calls_.begin(), calls_.end(), [&](const Call& c) {
      return c.outcome == OpType::ok &&
             ((c.kind == Kind::write && c.argument == v) || (c.kind == Kind::cas && c.to == v));
    });
  }
  /// Whether a write of v that completed may be what the read saw.
  bool near(int64_t v, const Call& read) const {
    if (read.answer == v) return true;
    double overwritten =
        -1;  // the last moment at which a write of something else had begun before the read and ended
    for (const Call& c : calls_)
      if (c.kind == Kind::write && c.outcome == OpType::ok && c.argument != v && c.end < read.begin)
        overwritten = std::max(overwritten, c.begin);
    return std::any_of(calls_.begin(), calls_.end(), [&](const Call& c) {
      if (c.kind == Kind::read || c.outcome == OpType::fail || c.outcome == OpType::info) return false;
      return (c.kind == Kind::write ? c.argument : c.to) == v && c.begin < read.end && c.end > overwritten;
    });
  }

  void swap_takes() {
    std::vector<size_t> takes;
    for (size_t i = calls_.size() * 95 / 100; i < calls_.size(); ++i) {
      Call& c = calls_[i];
      if (c.outcome != OpType::ok) continue;
      if (shape_.model == Model::set) {
        if (c.kind != Kind::contains) continue;
        // One that surely was there, or surely was not: nothing else touched its element meanwhile.
        const bool alone = std::none_of(calls_.begin(), calls_.end(), [&](const Call& other) {
          return &other != &c && other.argument == c.argument &&
                 (other.outcome != OpType::ok || (other.begin < c.end && c.begin < other.end));
        });
        if (alone) {
          c.answer = 1 - c.answer;
          return;
        }
        continue;
      }
      if (c.kind == Kind::take && c.answer >= 0) takes.push_back(i);
    }
    if (takes.size() < 2) return;
    // A value that is taken twice is a fault in any collection.
    if (shape_.model == Model::fifo_queue) {
      std::swap(calls_[takes.front()].answer, calls_[takes.back()].answer);
    } else {
      calls_[takes.back()].answer = calls_[takes.front()].answer;
    }
  }

  static const char* name(Kind kind) {
    static const char* const kNames[] = {"read",    "write", "cas",    "enqueue",
                                         "dequeue", "add",   "remove", "contains"};
    return kNames[static_cast<size_t>(kind)];
  }

  History write() {
    struct Event {
      double at;
      uint32_t call;
      bool begin;
    };
    std::vector<Event> events;
    events.reserve(calls_.size() * 2);
    for (uint32_t i = 0; i < calls_.size(); ++i) {
      events.push_back({calls_[i].begin, i, true});
      events.push_back({calls_[i].end, i, false});
    }
    std::sort(events.begin(), events.end(), [](const Event& x, const Event& y) { return x.at < y.at; });
    HistoryBuilder builder;
    builder.reserve(events.size());
    const auto integer = [&](int64_t v) { v < 0 ? builder.value().nil() : builder.value().integer(v); };
    for (const Event& event : events) {
      const Call& c = calls_[event.call];
      builder.begin(static_cast<int64_t>(event.at * 1e6), c.process, event.begin ? OpType::invoke : c.outcome,
                    Symbol(name(c.kind)));
      if (c.kind == Kind::cas) {
        builder.value().begin_list();
        integer(c.argument);
        integer(c.to);
        builder.value().end();
      } else if (c.kind == Kind::read || c.kind == Kind::take) {
        event.begin || c.outcome != OpType::ok ? builder.value().nil() : integer(c.answer);
      } else if (!event.begin && c.outcome == OpType::ok &&
                 (c.kind == Kind::add || c.kind == Kind::remove || c.kind == Kind::contains)) {
        builder.value().boolean(c.answer == 1);
      } else {
        integer(c.argument);
      }
      if (c.kind == Kind::cas && !event.begin && c.outcome == OpType::fail)
        builder.error(Value("compare failed"));
      builder.commit();
    }
    const double last = events.empty() ? 0 : events.back().at;
    for (uint32_t i = 0; i < shape_.final_crashed_writes; ++i) {
      builder.begin(static_cast<int64_t>(last * 1e6) + i, retired_ + static_cast<Process>(i), OpType::invoke,
                    Symbol("write"));
      builder.value().integer(static_cast<int64_t>(rng_.below(5)));
      builder.commit();
    }
    auto made = builder.finish();
    RIVEN_CHECK(made.has_value(), "the generator made a history that does not pair");
    return std::move(made).value();
  }

  LargeShape shape_;
  Rng rng_;
  std::vector<Call> calls_;
  Process retired_ = 0;
  int64_t value_ = -1;
  int64_t last_ = 0;
  int64_t removed_ = 0;
  std::vector<int64_t> items_;
  size_t front_ = 0;
  std::set<int64_t> sorted_;
};

}  // namespace large

/// The same shape gives the same history.
inline History large_history(const LargeShape& shape) { return large::LargeMaker(shape).make(); }

}  // namespace riven::linearizable::testing
