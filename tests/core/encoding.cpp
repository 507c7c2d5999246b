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
  CHECK(!is_valid({10}));
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
