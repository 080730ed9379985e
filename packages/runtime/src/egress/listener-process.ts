// Runs for a moment inside a session's network namespace: opens the socket that the proxy listens on, and hands it over.
import { createServer } from "node:net";

const [port = ""] = process.argv.slice(2);
const server = createServer();
server.listen(Number(port), "127.0.0.1", () => {
  process.send?.("listening", server, {}, () => {
    process.exit();
  });
});
