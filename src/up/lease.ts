/**
 * The shell that leads every child's session. Descriptor 3 is the lease: the leader waits there for one line before it runs the
 * program (so that it can be registered with the agent first), and a watcher ends the whole group when the other end closes, even
 * after SIGKILL of `up`. The program itself holds no copy of the lease. Exit status: the program's.
 */
export const LEASE_SCRIPT = `
exec 4<&0
IFS= read -r go <&3 || exit 75
trap : TERM INT HUP
"$@" 3<&- <&4 4<&- &
child=$!
(
  trap '' TERM INT HUP
  exec 4<&- >/dev/null 2>&1
  while IFS= read -r line <&3; do :; done
  kill -TERM 0
  tries=0
  while [ "$tries" -lt 40 ] && kill -0 "$child"; do sleep 0.1; tries=$((tries + 1)); done
  kill -KILL 0
) </dev/null &
watcher=$!
exec 3<&- 4<&-
while :; do
  wait "$child"
  status=$?
  kill -0 "$child" 2>/dev/null || break
done
kill -KILL "$watcher" 2>/dev/null
exit "$status"
`;
