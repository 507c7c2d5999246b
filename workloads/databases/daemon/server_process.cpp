#include "workloads/databases/daemon/server_process.h"

namespace riven::databases {

namespace {

/// Shell functions: `pid` prints the live pid (one that is dead and not yet reaped has its name still), `tree
/// PID` the process and all its descendants.
constexpr const char* kFunctions = R"sh(
pid() { p=$(cat "$PID_FILE" 2>/dev/null) && [ -n "$p" ] && [ "$(cat "/proc/$p/comm" 2>/dev/null)" = "$NAME" ] &&
  case $(sed 's/.*) //' "/proc/$p/stat" 2>/dev/null) in ''|[ZX]*) false;; *) echo "$p";; esac
}
tree() {
  echo "$1"; for c in $(cat /proc/"$1"/task/*/children 2>/dev/null); do tree "$c"; done; }
)sh";

Status run_script(const Node& node, const ServerProcess& server, const std::string& script,
                  const std::vector<std::string>& arguments) {
  Command command{
      .argv = {"sh", "-c", kFunctions + script, "sh"}, .deadline = Milliseconds(20'000), .sudo = true};
  command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
  command.environment = {{"NAME", server.name},
                         {"PID_FILE", server.pid_file},
                         {"LOG_FILE", server.log_file},
                         {"RUN_AS", server.user}};
  const auto ran = node.session->run(command);
  if (!ran) return Error{ran.error().message};
  if (ran->succeeded()) return ok_status();
  std::string why = ran->err.empty() ? ran->out : ran->err;
  while (!why.empty() && why.back() == '\n') why.pop_back();
  return Error{server.name + " on " + node.name + ": " +
               (why.empty() ? "exit status " + std::to_string(ran->exit_status) : why)};
}

}  // namespace

Status ServerProcess::start(const Node& node, const std::vector<std::string>& argv) const {
  // The process replaces the shell that wrote its own pid, so pid file and process cannot disagree.
  return run_script(node, *this, R"sh(
[ -n "$(pid)" ] && exit 0
launch='echo $$ >"$PID_FILE"; exec "$@"'
if [ -n "$RUN_AS" ]; then launch='echo $$ >"$PID_FILE"; exec setpriv --reuid="$RUN_AS" --regid="$RUN_AS" --init-groups -- "$@"'; fi
rm -f "$PID_FILE"
setsid sh -c "$launch" sh "$@" >>"$LOG_FILE" 2>&1 </dev/null &
i=0
while [ $i -lt 200 ]; do
  [ -n "$(pid)" ] && exit 0
  i=$((i+1)); sleep 0.02
done
echo "it did not start: $(tail -n 1 "$LOG_FILE" 2>/dev/null)" >&2; exit 1
)sh",
                    argv);
}

Status ServerProcess::signal(const Node& node, const std::string& signal_name) const {
  return run_script(node, *this, R"sh(
p=$(pid) || exit 0
kill -s "$1" $(tree "$p") 2>/dev/null || [ -z "$(pid)" ]
)sh",
                    {signal_name});
}

Status ServerProcess::stop(const Node& node) const {
  return run_script(node, *this, R"sh(
p=$(pid) || exit 0
all=$(tree "$p")
kill -s KILL $all 2>/dev/null
i=0
while [ $i -lt 500 ]; do
  left=; for q in $all; do s=$(sed 's/.*) //' "/proc/$q/stat" 2>/dev/null); case $s in ''|Z*) ;; *) left=1;; esac; done
  [ -z "$left" ] && { rm -f "$PID_FILE"; exit 0; }
  i=$((i+1)); sleep 0.02
done
echo "it does not die" >&2; exit 1
)sh",
                    {});
}

}  // namespace riven::databases
