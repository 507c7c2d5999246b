#include "harness/app/units.h"

#include "harness/app/exit_code.h"
#include "tests/catch.h"

using namespace riven;

TEST_CASE("durations as people type them") {
  CHECK(parse_duration_ns("60s") == 60'000'000'000);
  CHECK(parse_duration_ns("60") == 60'000'000'000);
  CHECK(parse_duration_ns("500ms") == 500'000'000);
  CHECK(parse_duration_ns("1.5s") == 1'500'000'000);
  CHECK(parse_duration_ns("2m") == 120'000'000'000);
  CHECK(parse_duration_ns("1h") == 3'600'000'000'000);
  CHECK(parse_duration_ns("0s") == 0);
  for (const char* const bad : {"", "s", "-1s", "1 s", "1d", "inf", "nan", "1e99s", "0x10"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_duration_ns(bad).has_value());
  }
}

TEST_CASE("a duration is written so that it reads back exactly") {
  for (const int64_t ns : {int64_t{60'000'000'000}, int64_t{1'500'000'000}, int64_t{250'000'000}, int64_t{1},
                           int64_t{1'234'567}, int64_t{61'001'000'000}, int64_t{1'000'000'001}}) {
    CAPTURE(ns, format_duration(ns));
    CHECK(parse_duration_ns(format_duration(ns)) == ns);
  }
  CHECK(format_duration(60'000'000'000) == "60s");
  CHECK(format_duration(1'500'000'000) == "1.5s");
}

TEST_CASE("sizes: MB is decimal, MiB is binary") {
  CHECK(parse_size_bytes("500MB") == 500'000'000U);
  CHECK(parse_size_bytes("2GB") == 2'000'000'000U);
  CHECK(parse_size_bytes("1GiB") == 1U << 30);
  CHECK(parse_size_bytes("64KiB") == 65536U);
  CHECK(parse_size_bytes("123") == 123U);
  for (const char* const bad : {"", "MB", "-1MB", "1XB", "1e300GB"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_size_bytes(bad).has_value());
  }
}

TEST_CASE("concurrency: a number, or a multiple of the nodes") {
  CHECK(parse_concurrency("10", 5) == 10U);
  CHECK(parse_concurrency("2n", 5) == 10U);
  for (const char* const bad : {"", "n", "0", "0n", "2m", "-1", "2nn", "999999999"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_concurrency(bad, 5).has_value());
  }
}

TEST_CASE("over several runs no anomaly is hidden by another run's trouble") {
  CHECK(worst(ExitCode::invalid, ExitCode::infrastructure) == ExitCode::invalid);
  CHECK(worst(ExitCode::unknown, ExitCode::invalid) == ExitCode::invalid);
  CHECK(worst(ExitCode::unknown, ExitCode::infrastructure) == ExitCode::infrastructure);
  CHECK(worst(ExitCode::valid, ExitCode::unknown) == ExitCode::unknown);
  CHECK(worst(ExitCode::valid, ExitCode::valid) == ExitCode::valid);
  CHECK(exit_code_of(Verdict::valid) == ExitCode::valid);
  CHECK(exit_code_of(Verdict::invalid) == ExitCode::invalid);
  CHECK(exit_code_of(Verdict::unknown) == ExitCode::unknown);
}
