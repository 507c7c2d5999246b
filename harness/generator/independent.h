// Many small tests in one: independent keys, each with a generator of its own.
#pragma once

#include <functional>
#include <optional>

#include "harness/generator/generator.h"

namespace riven::gen {

/// The i-th key, i = 0, 1, ...; nullopt: there are no more. Pure.
using Keys = std::function<std::optional<Value>(int64_t i)>;
/// 0, 1, 2, ..., `count` of them; negative: without end.
Keys integer_keys(int64_t count = -1);
/// The generator of one key; its operations' values v become [key v]. Pure; called when the key is begun.
using KeyGenerator = std::function<GeneratorPtr(const Value& key, int64_t i)>;

/// One key after the other, each with all client threads. The next begins when the generator of the one
/// before is done (its last operations may still be in flight). Updates: operations on the current key,
/// unwrapped. A generator that is done without an operation is skipped; 1,000 such in a row are an error.
GeneratorPtr sequential_keys(Keys keys, KeyGenerator make);

/// The client threads of the context are split into groups of `threads_per_key`; each group works through
/// keys of its own, a new one when its generator is done. Any number of threads works: a remainder makes a
/// last, smaller group, and with fewer threads than `threads_per_key` there is one group. 0: all threads. A
/// group's generator sees the group's threads alone. Groups are fixed when first asked. Updates: to the group
/// of the thread, if the key is its current one, unwrapped. Cost: O(groups) to find a ready one, O(1) an
/// update, plus the child's.
GeneratorPtr concurrent_keys(size_t threads_per_key, Keys keys, KeyGenerator make);

}  // namespace riven::gen
