// Large histories of maps of texts in the shape of MIT's key-value labs: get, put and append by many clients.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "harness/core/history.h"
#include "harness/core/rng.h"

namespace riven::linearizable::testing {

struct LargeAppends {
  uint32_t operations = 1000;
  uint32_t clients = 50;
  uint32_t keys = 10;
  double reads = 0.5;
  double puts = 0.1;
  double crashed = 0;
  /// unique: "x CLIENT N y"; letters: one of `few`; numbers: 0, 1, 2, ... with nothing between them, a number
  /// a key; resets: unique appends, and puts of the empty text.
  enum class Pieces : uint8_t { unique, letters, numbers, resets } pieces = Pieces::unique;
  uint32_t few = 2;
  /// One read near 97%: `stale` shows what was there long before, `swapped` two appends the other way round,
  /// `lost` leaves an append out that is followed by others, `torn` shows what nobody wrote.
  enum class Fault : uint8_t { none, stale, swapped, lost, torn } fault = Fault::none;
  uint64_t seed = 1;
};

/// What the history is made of; for the shapes of Pieces other than `unique` a fault may happen to be none.
struct AppendCall {
  enum class Kind : uint8_t { get, put, append };
  double begin = 0;
  double point = 0;
  double end = 0;
  Process process = 0;
  uint32_t key = 0;
  Kind kind = Kind::get;
  bool crashed = false;
  std::string text;  ///< what was put, appended or read
};

namespace large {

class AppendMaker {
 public:
  explicit AppendMaker(const LargeAppends& shape) : shape_(shape), rng_(shape.seed), now_(shape.keys) {}

  std::vector<AppendCall> make() {
    schedule();
    run();
    if (shape_.fault != LargeAppends::Fault::none) spoil();
    return std::move(calls_);
  }

 private:
  using Kind = AppendCall::Kind;
  using Pieces = LargeAppends::Pieces;
  using Fault = LargeAppends::Fault;

  void schedule() {
    calls_.reserve(shape_.operations);
    std::vector<double> now(shape_.clients);
    std::vector<Process> process(shape_.clients);
    for (uint32_t c = 0; c < shape_.clients; ++c) {
      now[c] = rng_.unit();
      process[c] = next_process_++;
    }
    const auto exponential = [&](double mean) { return -mean * std::log(1 - rng_.unit()); };
    for (uint32_t i = 0; i < shape_.operations; ++i) {
      const uint32_t c = i % shape_.clients;
      AppendCall call;
      call.begin = now[c] + exponential(0.1);
      call.end = call.begin + exponential(1.0);
      call.point = call.begin + rng_.unit() * (call.end - call.begin);
      call.process = process[c];
      call.key = static_cast<uint32_t>(rng_.below(shape_.keys));
      if (rng_.chance(shape_.crashed)) {
        call.crashed = true;
        process[c] = next_process_++;
      }
      now[c] = call.end;
      calls_.push_back(std::move(call));
    }
    std::sort(calls_.begin(), calls_.end(),
              [](const AppendCall& x, const AppendCall& y) { return x.point < y.point; });
  }

  void run() {
    std::map<Process, uint32_t> count;
    for (AppendCall& call : calls_) {
      const double dice = rng_.unit();
      call.kind = dice < shape_.reads                 ? Kind::get
                  : dice < shape_.reads + shape_.puts ? Kind::put
                                                      : Kind::append;
      std::string& state = now_[call.key];
      if (call.kind == Kind::get) {
        call.text = state;
        continue;
      }
      call.text = piece(call, count[call.process]++);
      const bool effect = !call.crashed || rng_.chance(0.5);
      if (effect) state = call.kind == Kind::put ? call.text : state + call.text;
    }
  }

  std::string piece(const AppendCall& call, uint32_t number) {
    if (shape_.pieces == Pieces::resets && call.kind == Kind::put) return {};
    if (shape_.pieces == Pieces::letters)
      return std::string(1, static_cast<char>('a' + rng_.below(shape_.few)));
    if (shape_.pieces == Pieces::numbers) return std::to_string(numbers_[call.key]++);
    return "x " + std::to_string(call.process) + " " + std::to_string(number) + " y";
  }

  /// Changes a read near 97%, the first that gives a text to do it with.
  void spoil() {
    for (size_t i = calls_.size() * 97 / 100; i < calls_.size(); ++i) {
      AppendCall& read = calls_[i];
      if (read.kind != Kind::get || read.crashed) continue;
      std::vector<std::string> pieces;  // since the last put
      std::string before;               // what was there surely no more
      for (size_t k = 0; k < i; ++k) {
        const AppendCall& c = calls_[k];
        if (c.key != read.key || c.crashed) continue;
        if (c.kind == Kind::get && i - k > 6 * size_t{shape_.clients} && c.text != read.text) before = c.text;
        if (c.kind == Kind::put) pieces.clear();
        if (c.kind != Kind::get) pieces.push_back(c.text);
      }
      if (shape_.fault == Fault::stale && !before.empty()) {
        read.text = before;
        return;
      }
      if (shape_.fault == Fault::torn && read.text.size() > 2) {
        read.text.erase(read.text.size() / 2, 1);
        return;
      }
      std::string whole;
      for (const std::string& piece : pieces) whole += piece;
      if (pieces.size() < 4 || whole != read.text) continue;
      if (shape_.fault == Fault::swapped) std::swap(pieces[1], pieces[2]);
      if (shape_.fault == Fault::lost) pieces.erase(pieces.begin() + 1);
      if (shape_.fault != Fault::swapped && shape_.fault != Fault::lost) continue;
      read.text.clear();
      for (const std::string& piece : pieces) read.text += piece;
      return;
    }
  }

  LargeAppends shape_;
  Rng rng_;
  std::vector<AppendCall> calls_;
  std::vector<std::string> now_;  // by key
  std::map<uint32_t, uint64_t> numbers_;
  Process next_process_ = 0;
};

struct AppendEvent {
  double at;
  uint32_t call;
  bool begin;
};

/// Crashed calls have no second event.
inline std::vector<AppendEvent> events_of(const std::vector<AppendCall>& calls) {
  std::vector<AppendEvent> events;
  events.reserve(calls.size() * 2);
  for (uint32_t i = 0; i < calls.size(); ++i) {
    events.push_back({calls[i].begin, i, true});
    if (!calls[i].crashed) events.push_back({calls[i].end, i, false});
  }
  std::sort(events.begin(), events.end(),
            [](const AppendEvent& x, const AppendEvent& y) { return x.at < y.at; });
  return events;
}

}  // namespace large

/// The same shape gives the same history.
inline History large_appends(const LargeAppends& shape) {
  static constexpr const char* kNames[] = {"get", "put", "append"};
  const std::vector<AppendCall> calls = large::AppendMaker(shape).make();
  HistoryBuilder builder;
  for (const large::AppendEvent& event : large::events_of(calls)) {
    const AppendCall& call = calls[event.call];
    builder.begin(static_cast<int64_t>(event.at * 1e6), call.process,
                  event.begin ? OpType::invoke : OpType::ok, Symbol(kNames[static_cast<size_t>(call.kind)]));
    builder.value().begin_list();
    builder.value().string(Symbol(std::to_string(call.key)));
    if (event.begin && call.kind == AppendCall::Kind::get) {
      builder.value().nil();
    } else {
      builder.value().string(Symbol(call.text));
    }
    builder.value().end();
    builder.commit();
  }
  auto made = builder.finish();
  RIVEN_CHECK(made.has_value(), "the generator made a history that does not pair");
  return std::move(made).value();
}

}  // namespace riven::linearizable::testing
