#include "harness/core/encoding.h"

#include "tests/catch.h"
#include "tests/core/random_value.h"

using namespace riven;
using test::random_value;

namespace {

std::vector<uint8_t> encode(const Value& v) {
  std::vector<uint8_t> bytes;
  ValueWriter(bytes).value(v);
  return bytes;
}

bool is_valid(const std::vector<uint8_t>& bytes, uint64_t symbols = UINT32_MAX) {
  const uint8_t* at = bytes.data();
  return encoding::valid(at, bytes.data() + bytes.size(), symbols) && at == bytes.data() + bytes.size();
}

Value ints(std::initializer_list<int64_t> items) {
  Value::List list;
  for (const int64_t i : items) list.emplace_back(i);
  return Value(std::move(list));
}

}  // namespace

TEST_CASE("any value comes back from its bytes, is valid, and skipped whole") {
  Rng rng(1);
  for (int round = 0; round < 20000; ++round) {
    const Value v = random_value(rng, 4);
    const auto bytes = encode(v);
    const ValueView view(bytes.data());
    REQUIRE(view.to_value() == v);
    REQUIRE(is_valid(bytes));
    REQUIRE(skip_value(bytes.data()) == bytes.data() + bytes.size());
    std::vector<uint8_t> again;
    ValueWriter(again).value(view);
    REQUIRE(again == bytes);
  }
}

TEST_CASE("values are equal exactly when their bytes are") {
  Rng rng(2);
  for (int round = 0; round < 20000; ++round) {
    const Value a = random_value(rng, 2);
    const Value b = rng.chance(0.3) ? a : random_value(rng, 2);
    const auto bytes_a = encode(a);
    const auto bytes_b = encode(b);
    REQUIRE((a == b) == (bytes_a == bytes_b));
    REQUIRE((a == b) == (ValueView(bytes_a.data()) == ValueView(bytes_b.data())));
  }
  CHECK(!(Value("a") == Value::keyword("a")));
  CHECK(!(Value(1) == Value(1.0)));
  CHECK(!(ints({}) == Value::map({})));
  CHECK(!(Value(false) == Value()));
}

namespace {

/// The same value, its maps and sets made in another order.
Value shuffled(const Value& v, Rng& rng) {
  if (!v.has_elements() && !v.is_map()) return v;
  std::vector<Value::List> entries;  // an element, or a key and a value
  const Value::List& flat = v.is_map() ? v.flat_map() : v.elements();
  for (size_t i = 0; i < flat.size();) {
    entries.emplace_back();
    for (size_t end = i + (v.is_map() ? 2 : 1); i < end; ++i)
      entries.back().push_back(shuffled(flat[i], rng));
  }
  for (size_t i = entries.size(); !v.is_list() && i > 1; --i)
    std::swap(entries[i - 1], entries[rng.below(i)]);
  Value::List out;
  for (const Value::List& entry : entries) out.insert(out.end(), entry.begin(), entry.end());
  return v.is_map() ? Value::map(std::move(out)) : v.is_set() ? Value::set(std::move(out)) : Value(out);
}

/// Bytes of the value, its maps and sets written in another order.
void write_shuffled(const Value& v, Rng& rng, ValueWriter& out) {
  if (!v.has_elements() && !v.is_map()) return out.value(v);
  v.is_map() ? out.begin_map() : v.is_set() ? out.begin_set() : out.begin_list();
  const Value::List& flat = v.is_map() ? v.flat_map() : v.elements();
  const size_t step = v.is_map() ? 2 : 1;
  std::vector<size_t> at;
  for (size_t i = 0; i < flat.size(); i += step) at.push_back(i);
  for (size_t i = at.size(); !v.is_list() && i > 1; --i) std::swap(at[i - 1], at[rng.below(i)]);
  for (const size_t i : at)
    for (size_t k = i; k < i + step; ++k) write_shuffled(flat[k], rng, out);
  if (v.is_set() && !at.empty() && rng.chance(0.3)) write_shuffled(flat[at[0]], rng, out);  // twice
  out.end();
}

}  // namespace

TEST_CASE("equal maps and sets have equal bytes whatever the order of their entries, at any depth") {
  Rng rng(4);
  for (int round = 0; round < 20000; ++round) {
    const Value a = random_value(rng, 4);
    const Value b = shuffled(a, rng);
    REQUIRE(a == b);
    REQUIRE(encode(a) == encode(b));
    std::vector<uint8_t> bytes;
    ValueWriter writer(bytes);
    write_shuffled(a, rng, writer);
    REQUIRE(bytes == encode(a));
    REQUIRE(is_valid(bytes));
  }
}

TEST_CASE("what a map or set has twice is told once") {
  std::vector<uint8_t> bytes;
  ValueWriter writer(bytes);
  writer.begin_map();
  for (const int64_t i : {3, 1, 1, 1, 3, 2}) writer.integer(i);  // 3 1, 1 1, 3 2
  writer.end();
  CHECK(writer.take_repeated());
  CHECK(!writer.take_repeated());
  CHECK(ValueView(bytes.data()).to_value() == Value::map({1, 1, 3, 2}));
  bytes.clear();
  writer.begin_set();
  for (const int64_t i : {3, 1, 3}) writer.integer(i);
  writer.end();
  CHECK(writer.take_repeated());
  CHECK(bytes == encode(Value::set({1, 3})));
}

TEST_CASE("a set of integers is packed, and sets and lists of the same elements differ") {
  const auto packed = encode(Value::set({300, 299, 301}));
  const ValueView view(packed.data());
  CHECK(view.is_set());
  CHECK(view.has_elements());
  CHECK(!view.is_list());
  CHECK(!view.is_integer_list());
  CHECK(packed.size() == 6);
  CHECK(view.size() == 3);
  CHECK(view.at(1).integer() == 300);
  CHECK(!(view == ValueView(encode(ints({299, 300, 301})).data())));
  CHECK(encode(Value::set({1, "x"}))[0] == encoding::set);
  CHECK(encode(Value::set({INT64_MIN, INT64_MAX, 0, -1})) ==
        encode(Value::set({-1, INT64_MAX, 0, INT64_MIN})));
}

TEST_CASE("integers keep their value at every length") {
  for (const int64_t i :
       {int64_t{0}, int64_t{239}, int64_t{240}, int64_t{-1}, int64_t{1} << 40, INT64_MAX, INT64_MIN}) {
    const auto bytes = encode(Value(i));
    CHECK(ValueView(bytes.data()).integer() == i);
    CHECK(bytes.size() == (i >= 0 && i < 240 ? 1 : bytes.size()));
    const auto list = encode(ints({i, i == INT64_MIN ? INT64_MAX : -i, i}));
    CHECK(ValueView(list.data()).at(2).integer() == i);
  }
}

TEST_CASE("a list of integers is packed, and only such a list") {
  const auto packed = encode(ints({5, 6, 7}));
  const ValueView view(packed.data());
  CHECK(view.is_integer_list());
  CHECK(view.size() == 3);
  CHECK(packed.size() == 5);
  std::vector<int64_t> seen;
  view.for_each_integer([&](int64_t i) { seen.push_back(i); });
  CHECK(seen == std::vector<int64_t>{5, 6, 7});
  CHECK(view.at(1).integer() == 6);

  const auto mixed = encode(Value(Value::List{5, 6, "x", 7}));
  CHECK(!ValueView(mixed.data()).is_integer_list());
  CHECK(ValueView(mixed.data()).size() == 4);
  CHECK(ValueView(mixed.data()).at(3).integer() == 7);
}

TEST_CASE("long lists have long lengths, at every depth") {
  Value nested(7);
  for (const size_t n : {0U, 1U, 126U, 127U, 128U, 129U, 20000U}) {
    Value::List items(n, Value(300));
    items.push_back(nested);
    nested = Value(std::move(items));
    const auto bytes = encode(nested);
    CHECK(is_valid(bytes));
    CHECK(ValueView(bytes.data()).to_value() == nested);
    CHECK(ValueView(bytes.data()).size() == n + 1);
  }
}

TEST_CASE("bytes that are no value are refused") {
  const auto whole = encode(Value(Value::List{1, "x", Value::map({"k", ints({1, 2, 1000})}), 2.5}));
  REQUIRE(is_valid(whole));
  for (size_t cut = 0; cut < whole.size(); ++cut)
    CHECK(!is_valid(std::vector<uint8_t>(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(cut))));
  CHECK(!is_valid({encoding::string, 5}, 5));
  CHECK(is_valid({encoding::string, 4}, 5));
  CHECK(!is_valid({12}));
  CHECK(!is_valid({encoding::set}));
  CHECK(!is_valid({encoding::map, 1, 20}));
  CHECK(!is_valid({encoding::integer, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02}));
  std::vector<uint8_t> deep;
  for (int i = 0; i < 70; ++i) deep.insert(deep.begin(), {encoding::list, static_cast<uint8_t>(deep.size())});
  CHECK(!is_valid(deep));
}

TEST_CASE("whatever bytes `valid` lets pass can be read") {
  Rng rng(3);
  size_t accepted = 0;
  for (int round = 0; round < 100000; ++round) {
    std::vector<uint8_t> bytes = encode(random_value(rng, 3));
    for (uint64_t flips = 1 + rng.below(3); flips > 0; --flips)
      bytes[rng.below(bytes.size())] = static_cast<uint8_t>(rng.next());
    const uint8_t* at = bytes.data();
    if (!encoding::valid(at, bytes.data() + bytes.size(), 1)) continue;
    ++accepted;
    REQUIRE(skip_value(bytes.data()) == at);
    static_cast<void>(ValueView(bytes.data()).to_value());
  }
  CHECK(accepted > 1000);
}

TEST_CASE("events out of order are defects that the writer forgets on request") {
  std::vector<uint8_t> bytes;
  ValueWriter writer(bytes);
  writer.begin_list();
  writer.integer(1);
  writer.begin_map();
  CHECK(writer.depth() == 2);
  writer.abandon();
  bytes.clear();
  CHECK(writer.depth() == 0);
  writer.integer(9);
  CHECK(ValueView(bytes.data()).integer() == 9);
}
