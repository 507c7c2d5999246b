// The SFTP client against servers that misbehave; that it transfers real files is proved on real nodes.
#include "harness/control/sftp.h"

#include <unistd.h>

#include <cstdlib>

#include "harness/core/rng.h"
#include "tests/catch.h"

using namespace riven;

namespace {

// Answers with prepared bytes, whatever is asked.
class PreparedStream final : public ByteStream {
 public:
  explicit PreparedStream(std::string bytes) : bytes_(std::move(bytes)) {}
  Result<size_t, StreamError> read(char* buffer, size_t size, Milliseconds) override {
    const size_t count = bytes_.copy(buffer, std::min<size_t>(size, 7), at_);
    at_ += count;
    return count;
  }
  Result<Unit, StreamError> write(std::string_view bytes, Milliseconds) override {
    sent += bytes;
    return Unit{};
  }
  void end_input() override {}
  void close() override {}
  std::string error_output() const override { return "no space\nmore"; }
  std::string end() const override { return ""; }

  std::string sent;

 private:
  std::string bytes_;
  size_t at_ = 0;
};

class Text final : public UploadSource {
 public:
  Result<size_t> read_at(uint64_t offset, char* buffer, size_t size) override {
    const std::string text(100'000, 'x');
    return offset >= text.size() ? size_t{0} : text.copy(buffer, size, offset);
  }
};

std::string u32(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

std::string packet(uint8_t type, uint32_t id, const std::string& body) {
  return u32(static_cast<uint32_t>(body.size() + 5)) + static_cast<char>(type) + u32(id) + body;
}

std::string status(uint32_t id, uint32_t code) { return packet(101, id, u32(code) + u32(0) + u32(0)); }

SessionError::Kind upload_to(const std::string& answers) {
  PreparedStream stream(answers);
  SftpClient client(stream, "n1", std::chrono::steady_clock::now() + std::chrono::seconds(5));
  if (auto started = client.start(); !started) return started.error().kind;
  Text text;
  auto result = client.upload(text, "/x", 0644);
  REQUIRE_FALSE(result);
  return result.error().kind;
}

using Kind = SessionError::Kind;
const std::string kHello = packet(2, 3, "");

}  // namespace

TEST_CASE("a refusal is told apart from a broken stream") {
  CHECK(upload_to(kHello + status(1, 3)) == Kind::remote);
  CHECK(upload_to(kHello) == Kind::interrupted);
  CHECK(upload_to("") == Kind::interrupted);
  const std::string handle = packet(102, 1, u32(1) + "h");
  CHECK(upload_to(kHello + handle) == Kind::interrupted);
  CHECK(upload_to(kHello + handle + status(2, 4)) == Kind::remote);
}

TEST_CASE("what is not SFTP is said to be none") {
  PreparedStream stream("Welcome to this machine, please read /etc/motd\n");
  SftpClient client(stream, "n1", std::chrono::steady_clock::now() + std::chrono::seconds(5));
  auto started = client.start();
  REQUIRE_FALSE(started);
  CHECK(started.error().message.find("not SFTP") != std::string::npos);
}

TEST_CASE("a server that ends names its reason") {
  PreparedStream stream("");
  SftpClient client(stream, "n1", std::chrono::steady_clock::now() + std::chrono::seconds(5));
  CHECK(client.start().error().message.find("its SFTP server ended: no space") != std::string::npos);
}

TEST_CASE("an upload that fails removes its temporary file") {
  PreparedStream stream(kHello + packet(102, 1, u32(1) + "h") + status(2, 4));
  SftpClient client(stream, "n1", std::chrono::steady_clock::now() + std::chrono::seconds(5));
  REQUIRE(client.start());
  Text text;
  CHECK_FALSE(client.upload(text, "/x", 0644));
  // The last packet: remove (13) of the temporary name.
  const size_t last = stream.sent.rfind("/x.riven-");
  REQUIRE(last != std::string::npos);
  CHECK(stream.sent[last - 9] == 13);
}

TEST_CASE("random answers never crash or hang the client") {
  Rng rng(7);
  for (int round = 0; round < 3'000; ++round) {
    std::string bytes = rng.chance(0.8) ? kHello : "";
    for (uint64_t n = rng.below(6); n > 0; --n) {
      std::string body;
      for (uint64_t b = rng.below(20); b > 0; --b)
        body += static_cast<char>(rng.below(rng.chance(0.5) ? 4 : 256));
      static const uint8_t types[] = {2, 101, 102, 103, 104, 105, 201, 0};
      bytes += packet(types[rng.below(8)], static_cast<uint32_t>(rng.below(6)), body);
    }
    if (rng.chance(0.3)) bytes.resize(rng.below(bytes.size() + 1));
    (void)upload_to(bytes);
    PreparedStream stream(bytes);
    SftpClient client(stream, "n1", std::chrono::steady_clock::now() + std::chrono::seconds(5));
    if (!client.start()) continue;
    char name[] = "/tmp/riven-sftp-XXXXXX";
    const int file = mkstemp(name);
    REQUIRE(file >= 0);
    (void)client.download("/x", file);
    close(file);
    unlink(name);
  }
}
