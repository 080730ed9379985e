// Lives in a session's network namespace: connects to ports there and hands the sockets over, unread.
import { dial } from "./dial.js";
import type { Dialed, Wanted } from "./forwarder.js";

const [uid, gid] = process.argv.slice(2);
// Node is loaded by now, which only root can be sure to be able to. Nothing that follows needs it.
if (uid !== undefined && gid !== undefined) {
  process.setgroups?.([]);
  process.setgid?.(Number(gid));
  process.setuid?.(Number(uid));
}

process.on("message", ({ id, port }: Wanted) => {
  dial(port).then(
    (socket) => {
      socket.on("error", () => undefined);
      process.send?.({ id } satisfies Dialed, socket);
    },
    (error: unknown) => {
      process.send?.({ id, error: (error as Error).message } satisfies Dialed);
    },
  );
});
process.on("disconnect", () => {
  process.exit();
});
