// A server for the marks, in a process of its own as in real use. Arguments: its options, as JSON.
import { startServer, type ServerOptions } from "@chaser/server";

const options = JSON.parse(process.argv[2] ?? "") as ServerOptions;
const server = await startServer({ ...options, listen: "127.0.0.1:0" });
process.send?.(server.url);
process.once("disconnect", () => {
  void server.close();
});
