#include "nemesis/agent/reboot_fault.h"

#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <thread>

#include "nemesis/agent/proc_file.h"

namespace riven::agent {
namespace {

constexpr std::string_view kComesBack = "RIVEN_RESTARTS=1";  // in a node's environment, beside the policy
constexpr useconds_t kAnswerUs = 50'000;                     // for the answer to go out

Status probe(const Context&) {
  constexpr std::string_view kInitial = "pid:[4026531836]";  // PROC_PID_INIT_INO of the kernel
  std::array<char, 64> link{};
  const ssize_t length = ::readlink("/proc/self/ns/pid", link.data(), link.size() - 1);
  if (length <= 0) return Error{"it cannot be told whether this node is a container"};
  if (std::string_view(link.data(), static_cast<size_t>(length)) == kInitial)
    return Error{"only nodes that are containers are rebooted, never a machine"};
  if (read_proc_file("/proc/1/environ").find(kComesBack) == std::string::npos) {
    return Error{
        "this container would not come back (riven run or riven cluster up --faults reboot makes ones that "
        "do)"};
  }
  if (::geteuid() != 0) return Error{"signals to all processes need root"};
  return ok_status();
}

class Reboot final : public Fault {
 public:
  Json undo_record() const override { return Json::object(); }
  Result<Json> apply() override {
    std::thread([] {
      ::usleep(kAnswerUs);
      ::kill(-1, SIGKILL);
    }).detach();
    return Json::object();
  }
  Json observe() override { return Json::object(); }
};

Result<std::unique_ptr<Fault>> make(const Context& context, const std::string&, const Json&) {
  if (Status can = probe(context); !can) return can.error();
  return std::unique_ptr<Fault>(std::make_unique<Reboot>());
}

Result<Json> undo(const Context&, const Json&) { return Json(); }

}  // namespace

FaultKind reboot_kind() { return {"reboot", make, undo, nullptr, probe}; }

}  // namespace riven::agent
