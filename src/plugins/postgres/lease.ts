/**
 * The shell that leads the server's session. It holds the reading end of a pipe as descriptor 3: when the other end closes, by
 * whatever death of the starter, the server is told to stop at once (SIGINT: fast shutdown), and killed if it does not.
 */
export const LEASE_SCRIPT = `
trap '' INT HUP
"$@" 3<&- </dev/null &
server=$!
(
  while IFS= read -r line <&3; do :; done
  kill -INT "$server"
  tries=0
  while [ "$tries" -lt 50 ] && kill -0 "$server"; do sleep 0.1; tries=$((tries + 1)); done
  kill -QUIT "$server"
) >/dev/null 2>&1 &
watcher=$!
exec 3<&-
trap 'kill -INT "$server"' TERM
while :; do
  wait "$server"
  status=$?
  kill -0 "$server" 2>/dev/null || break
done
kill -KILL "$watcher" 2>/dev/null
exit "$status"
`;
