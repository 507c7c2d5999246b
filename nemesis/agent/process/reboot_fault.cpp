#include "nemesis/agent/process/reboot_fault.h"

#include <sys/reboot.h>
#include <unistd.h>

#include <csignal>
#include <string>
#include <thread>

#include "nemesis/agent/core/host_permissions.h"
#include "nemesis/agent/core/proc_file.h"

namespace riven::agent {
namespace {

constexpr std::string_view kComesBack = "RIVEN_RESTARTS=1";  // in a node's environment, with the policy
constexpr useconds_t kAnswerUs = 50'000;                     // for the answer to go out

Status probe(const Context& context) {
  const Result<bool> container = in_container();
  if (!container) return container.error();
  if (!context.container.empty() && !*container) return Error{"the agent is not inside of the container"};
  if (!*container) return check_host_permission(context, context.may_reboot, "may_reboot");
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
  explicit Reboot(bool machine) : machine_(machine) {}
  Json undo_record() const override { return Json::object(); }
  Result<Json> apply() override {
    std::thread([machine = machine_] {
      ::usleep(kAnswerUs);
      if (machine)
        ::reboot(RB_AUTOBOOT);  // without sync: what was not on the disk is lost
      else
        ::kill(-1, SIGKILL);
    }).detach();
    return Json::object();
  }
  Json observe() override { return Json::object(); }

 private:
  const bool machine_;
};

Result<std::unique_ptr<Fault>> make(const Context& context, const std::string&, const Json&) {
  if (Status can = probe(context); !can) return can.error();
  const Result<bool> container = in_container();
  if (!container) return container.error();
  return std::unique_ptr<Fault>(std::make_unique<Reboot>(!*container));
}

Result<Json> undo(const Context&, const Json&) { return Json(); }

}  // namespace

FaultKind reboot_kind() { return {"reboot", make, undo, nullptr, probe}; }

}  // namespace riven::agent
