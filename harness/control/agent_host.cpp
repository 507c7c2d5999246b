// Agents on this host that enter the namespaces of its containers.
#include <unistd.h>

#include "harness/control/agent_client.h"
#include "harness/control/byte_stream.h"
#include "harness/control/docker_engine.h"
#include "harness/control/local_stream.h"

namespace riven {

AgentLauncher host_agent_launcher(std::string container, std::string local_agent_path,
                                  const AgentOptions& options) {
  return [container = std::move(container), path = std::move(local_agent_path),
          options]() -> Result<std::unique_ptr<ByteStream>> {
    if (::geteuid() != 0) {
      if (Status can = can_run_on_host(); !can) return can.error();
    }
    // The agent checks again, safe against PID reuse.
    Result<ContainerInit> init = find_container_init(container);
    if (!init) return init.error();
    // A container that was started again has the routes that its engine gives it.
    if (Status closed = remove_ipv6_routes_out(init->pid); !closed)
      return Error{"container " + container + ": " + closed.error().message};
    std::vector<std::string> argv = {path};
    for (std::string& argument : agent_arguments(options)) argv.push_back(std::move(argument));
    argv.insert(argv.end(), {"--container", init->id + ":" + std::to_string(init->pid)});
    return start_local(argv);
  };
}

}  // namespace riven
