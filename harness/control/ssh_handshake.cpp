#include "harness/control/ssh_handshake.h"

#include <fcntl.h>
#include <libssh/libssh.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <utility>

namespace riven {
namespace {

using Kind = SessionError::Kind;
using Clock = std::chrono::steady_clock;

struct FreeKey {
  void operator()(ssh_key_struct* key) const { ssh_key_free(key); }
};
using KeyHandle = std::unique_ptr<ssh_key_struct, FreeKey>;

// Calls `step` until it gives something else than `again`, waiting for the socket in between. False: the
// deadline.
bool drive(ssh_session session, int again, Deadline deadline, int& result, const std::function<int()>& step) {
  for (;;) {
    result = step();
    if (result != again) return true;
    pollfd waiting{ssh_get_fd(session), POLLIN, 0};
    if ((ssh_get_poll_flags(session) & SSH_WRITE_PENDING) != 0) waiting.events |= POLLOUT;
    if (poll(&waiting, 1, milliseconds_until(deadline)) == 0 && Clock::now() >= deadline) return false;
  }
}

SessionError unreachable(const SshTarget& target, const std::string& why) {
  return {Kind::unreachable, "cannot reach " + target_text(target) + " by SSH: " + why};
}

std::string fingerprint(ssh_session session) {
  ssh_key raw = nullptr;
  if (ssh_get_server_publickey(session, &raw) != SSH_OK) return "unknown";
  const KeyHandle key(raw);
  unsigned char* hash = nullptr;
  size_t size = 0;
  if (ssh_get_publickey_hash(raw, SSH_PUBLICKEY_HASH_SHA256, &hash, &size) != 0) return "unknown";
  char* text = ssh_get_fingerprint_hash(SSH_PUBLICKEY_HASH_SHA256, hash, size);
  std::string result = text == nullptr ? "unknown" : text;
  ssh_string_free_char(text);
  ssh_clean_pubkey_hash(&hash);
  return result;
}

Result<Unit, SessionError> check_host_key(ssh_session session, const SshTarget& target) {
  const std::string file = target.known_hosts_file.empty() ? "your known_hosts" : target.known_hosts_file;
  const std::string who = target_text(target) + " shows a host key (" + fingerprint(session) + ")";
  switch (ssh_session_is_known_server(session)) {
    case SSH_KNOWN_HOSTS_OK:
      return Unit{};
    case SSH_KNOWN_HOSTS_CHANGED:
    case SSH_KNOWN_HOSTS_OTHER:
      return SessionError{Kind::rejected,
                          who + " other than the one in " + file +
                              ": the machine was replaced or someone is in between; if you know that "
                              "it was replaced, remove its old line there"};
    case SSH_KNOWN_HOSTS_UNKNOWN:
    case SSH_KNOWN_HOSTS_NOT_FOUND:
      return SessionError{Kind::rejected, who + " that is not in " + file +
                                              ": connect once with ssh and check it, or add its line"};
    case SSH_KNOWN_HOSTS_ERROR:
      break;
  }
  return SessionError{Kind::rejected,
                      who + " that could not be compared with " + file + ": " + ssh_get_error(session)};
}

// A server that takes passwords by questions alone: the password answers each of them.
int answer_questions(ssh_session session, const std::string& password) {
  int rc = ssh_userauth_kbdint(session, nullptr, nullptr);
  while (rc == SSH_AUTH_INFO) {
    const int questions = ssh_userauth_kbdint_getnprompts(session);
    for (int i = 0; i < questions; ++i) {
      if (ssh_userauth_kbdint_setanswer(session, static_cast<unsigned>(i), password.c_str()) < 0) {
        return SSH_AUTH_ERROR;
      }
    }
    rc = ssh_userauth_kbdint(session, nullptr, nullptr);
  }
  return rc;
}

Result<KeyHandle, SessionError> read_key(const SshTarget& target) {
  ssh_key raw = nullptr;
  // Without a passphrase libssh would ask on the terminal; this callback makes an encrypted key an error
  // instead.
  const auto refuse = [](const char*, char*, size_t, int, int, void*) { return -1; };
  const int rc = ssh_pki_import_privkey_file(target.key_file.c_str(), nullptr, refuse, nullptr, &raw);
  if (rc == SSH_OK) return KeyHandle(raw);
  const bool there = access(target.key_file.c_str(), R_OK) == 0;
  return SessionError{Kind::local, "the key file " + target.key_file + " for " + target_text(target) +
                                       (there ? " is encrypted or no private key: load it into an SSH agent"
                                              : " cannot be read: " + std::string(strerror(errno)))};
}

class Authentication {
 public:
  Authentication(ssh_session session, const SshTarget& target, Deadline deadline)
      : session_(session), target_(target), deadline_(deadline) {}

  Result<Unit, SessionError> run() {
    if (!target_.key_file.empty()) {
      auto key = read_key(target_);
      if (!key) return key.error();
      if (attempt("key " + target_.key_file,
                  [&] { return ssh_userauth_publickey(session_, nullptr, key->get()); })) {
        return Unit{};
      }
    }
    if (target_.use_agent && attempt("agent", [&] { return ssh_userauth_agent(session_, nullptr); }))
      return Unit{};
    if (!target_.password.empty()) {
      if (attempt("password",
                  [&] { return ssh_userauth_password(session_, nullptr, target_.password.c_str()); })) {
        return Unit{};
      }
      if (attempt("password by question", [&] { return answer_questions(session_, target_.password); }))
        return Unit{};
    }
    if (timed_out_) return unreachable(target_, "no answer to the authentication in time");
    if (broken_) return unreachable(target_, ssh_get_error(session_));
    return SessionError{Kind::rejected, target_text(target_) + " refuses user " + target_.user + " with " +
                                            (tried_.empty() ? "no key, agent or password given" : tried_) +
                                            "; it accepts " + accepted()};
  }

 private:
  bool attempt(const std::string& what, const std::function<int()>& step) {
    if (timed_out_ || broken_) return false;
    int result = SSH_AUTH_ERROR;
    if (!drive(session_, SSH_AUTH_AGAIN, deadline_, result, step)) {
      timed_out_ = true;
      return false;
    }
    // Too many wrong keys make a server hang up; that is a refusal, not a broken network.
    if (result == SSH_AUTH_ERROR && ssh_is_connected(session_) == 0 && tried_.empty()) broken_ = true;
    tried_ += (tried_.empty() ? "" : ", ") + what;
    return result == SSH_AUTH_SUCCESS;
  }

  std::string accepted() const {
    const int methods = ssh_userauth_list(session_, nullptr);
    std::string text;
    const std::pair<int, const char*> names[] = {{SSH_AUTH_METHOD_PUBLICKEY, "keys"},
                                                 {SSH_AUTH_METHOD_PASSWORD, "passwords"},
                                                 {SSH_AUTH_METHOD_INTERACTIVE, "questions"},
                                                 {SSH_AUTH_METHOD_HOSTBASED, "known hosts"},
                                                 {SSH_AUTH_METHOD_GSSAPI_MIC, "Kerberos"}};
    for (const auto& [bit, name] : names) {
      if ((methods & bit) != 0) text += (text.empty() ? "" : ", ") + std::string(name);
    }
    return text.empty() ? "something else" : text;
  }

  ssh_session session_;
  const SshTarget& target_;
  Deadline deadline_;
  std::string tried_;
  bool timed_out_ = false;
  bool broken_ = false;
};

void set_options(ssh_session session, const SshTarget& target, int descriptor) {
  const int no = 0;
  const unsigned port = target.port;
  ssh_options_set(session, SSH_OPTIONS_PROCESS_CONFIG, &no);
  ssh_options_set(session, SSH_OPTIONS_HOST, target.host.c_str());
  ssh_options_set(session, SSH_OPTIONS_PORT, &port);
  ssh_options_set(session, SSH_OPTIONS_USER, target.user.c_str());
  if (!target.known_hosts_file.empty()) {
    ssh_options_set(session, SSH_OPTIONS_KNOWNHOSTS, target.known_hosts_file.c_str());
    ssh_options_set(session, SSH_OPTIONS_GLOBAL_KNOWNHOSTS, "/dev/null");
  }
  ssh_options_set(session, SSH_OPTIONS_FD, &descriptor);
}

}  // namespace

void CloseSshSession::operator()(ssh_session_struct* session) const {
  // No ssh_disconnect: it would forget our descriptor without closing it; ssh_free closes it unless already
  // closed.
  ssh_free(session);
}

std::string target_text(const SshTarget& target) {
  const bool is_v6 = target.host.find(':') != std::string::npos;
  const std::string place =
      (is_v6 ? "[" + target.host + "]" : target.host) + ":" + std::to_string(target.port);
  return target.name.empty() || target.name == target.host ? place : target.name + " (" + place + ")";
}

Result<SshHandle, SessionError> ssh_handshake(const SshTarget& target, Deadline deadline) {
  auto descriptor = tcp_connect(target.host, target.port, deadline);
  if (!descriptor) return unreachable(target, descriptor.error().message);
  SshHandle handle(ssh_new());
  RIVEN_CHECK(handle != nullptr, "out of memory for an SSH session");
  ssh_session session = handle.get();
  set_options(session, target, *descriptor);
  ssh_set_blocking(session, 0);
  int result = SSH_ERROR;
  if (!drive(session, SSH_AGAIN, deadline, result, [&] { return ssh_connect(session); })) {
    return unreachable(target, "no answer to the key exchange in time");
  }
  if (result != SSH_OK) return unreachable(target, ssh_get_error(session));
  // libssh makes the descriptor blocking when it sees it connected.
  fcntl(*descriptor, F_SETFL, fcntl(*descriptor, F_GETFL) | O_NONBLOCK);
  if (auto known = check_host_key(session, target); !known) return known.error();
  if (auto authenticated = Authentication(session, target, deadline).run(); !authenticated) {
    return authenticated.error();
  }
  return handle;
}

}  // namespace riven
