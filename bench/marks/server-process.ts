// A server for the marks, in a process of its own as in real use. Arguments: data directory, API key.
import { startServer } from "@chaser/server";

const [dataDirectory = "", apiKey = ""] = process.argv.slice(2);
const server = await startServer({ dataDirectory, apiKey, listen: "127.0.0.1:0" });
process.send?.(server.url);
process.once("disconnect", () => {
  void server.close();
});
