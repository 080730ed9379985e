// Runs for a moment inside a network namespace: opens the sockets that this process's parent serves, and hands them over.
import { createServer } from "node:net";

const addresses = (process.argv[2] ?? "").split(",");
let left = addresses.length;
for (const address of addresses) {
  const at = address.lastIndexOf(":");
  const server = createServer();
  server.once("error", ({ message }) => {
    process.stderr.write(`${message}\n`);
    process.exit(1);
  });
  server.listen(Number(address.slice(at + 1)), address.slice(0, at), () => {
    process.send?.({ address }, server, {}, () => {
      left -= 1;
      if (left === 0) process.exit();
    });
  });
}
