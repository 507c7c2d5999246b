#include "harness/core/text.h"

#include <cmath>

#include "tests/catch.h"

using namespace riven;

TEST_CASE("numbers are grouped and rounded without a locale") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(1'000) == "1,000");
  CHECK(grouped(-1'234'567) == "-1,234,567");
  CHECK(grouped(-123) == "-123");
  CHECK(grouped(INT64_MIN) == "-9,223,372,036,854,775,808");
  CHECK(fixed(1.005, 1) == "1.0");
  CHECK(fixed(-0.04, 1) == "0.0");
  CHECK(fixed(std::nan(""), 1) == "-");
  CHECK(counted(1, "operation") == "1 operation");
  CHECK(counted(2'000, "operation") == "2,000 operations");
  CHECK(counted(0, "entry", "entries") == "0 entries");
}

TEST_CASE("durations take the unit that suits them") {
  CHECK(duration_text(0) == "0 ns");
  CHECK(duration_text(999) == "999 ns");
  CHECK(duration_text(1'500) == "1.5 us");
  CHECK(duration_text(830'000) == "830 us");
  CHECK(duration_text(999'600) == "1.00 ms");
  CHECK(duration_text(12'340'000) == "12.3 ms");
  CHECK(duration_text(4'050'000'000) == "4.05 s");
  CHECK(duration_text(200'000'000'000) == "3 min 20 s");
  CHECK(duration_text(7'500'000'000'000) == "2 h 5 min");
  CHECK(duration_text(-1'500) == "-1.5 us");
  CHECK(moment_text(12'345'678'901) == "12.346 s");
}

TEST_CASE("names are the same in any case of letters and with either hyphen") {
  CHECK(same_name("snapshot-isolation", "Snapshot_Isolation"));
  CHECK(same_name("", ""));
  CHECK_FALSE(same_name("append", "appends"));
  CHECK_FALSE(same_name("PL-2", "PL-3"));
}

TEST_CASE("hostile text is harmless in markup") {
  CHECK(escape_markup("<a href='x' b=\"y\">&") == "&lt;a href=&#39;x&#39; b=&quot;y&quot;&gt;&amp;");
  CHECK(escape_markup("a\tb\nc") == "a\tb\nc");
  CHECK(escape_markup(std::string("\0\x1b[31m\x7f", 7)) == "\xef\xbf\xbd\xef\xbf\xbd[31m\xef\xbf\xbd");
  CHECK(escape_markup("\xef\xbf\xbe") == "\xef\xbf\xbd");
}

TEST_CASE("bytes that are no UTF-8 are replaced one by one, characters are kept") {
  const std::string good = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80";
  CHECK(valid_utf8(good) == good);
  const std::string replaced = "\xef\xbf\xbd";
  CHECK(valid_utf8("\xff") == replaced);
  CHECK(valid_utf8("\xc3") == replaced);
  CHECK(valid_utf8("\xc0\xaf") == replaced + replaced);                                // overlong
  CHECK(valid_utf8("\xed\xa0\x80") == replaced + replaced + replaced);                 // surrogate
  CHECK(valid_utf8("\xf4\x90\x80\x80") == replaced + replaced + replaced + replaced);  // above U+10FFFF
  CHECK(valid_utf8("\xe2\x82z") == replaced + replaced + "z");
}
