import assert from "node:assert/strict";
import { request, type ClientRequest } from "node:http";
import path from "node:path";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { serverProcess, type ServerProcess } from "../fixture/processes.js";
import { Client, removeDirectory, sandboxMissing, temporaryDirectory } from "../fixture/server.js";

const apiKey = "sk_" + "u".repeat(43);
const findLeft = "find /workspace /home/chaser -name '.chaser-upload-*-*' | sort";

/** The first entry of an archive: a file of 4 KiB, of which nothing follows yet. */
const archiveHead = ((): Buffer => {
  const header = Buffer.alloc(512);
  header.write("new\0", 0);
  header.write("0000644\0", 100);
  header.write("00000010000\0", 124);
  header.write("00000000000\0", 136);
  header.write("        0", 148);
  header.write("ustar\x0000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat([header, Buffer.alloc(1024, "x")]);
})();

/** Begins uploads that do not end, and waits until each has something beside its place. */
async function beginUploads(client: Client): Promise<ClientRequest[]> {
  const { id } = await client.expect(200, "POST", "/v1/sessions", {
    session_type: "sandbox",
    workspace: "w",
  });
  const begin = (where: string, type: string, head: Buffer): ClientRequest => {
    const url = `${client.url}/v1/sessions/${id}/upload?path=${encodeURIComponent(where)}`;
    const headers = { authorization: `Bearer ${client.key}`, "content-type": type };
    const upload = request(url, { method: "POST", headers });
    upload.on("error", () => undefined);
    upload.on("response", (response) => response.resume());
    upload.write(head);
    return upload;
  };
  const uploads = [
    begin("kept", "application/octet-stream", Buffer.from("new")),
    begin("deep/er/file", "application/octet-stream", Buffer.from("new")),
    begin("/home/chaser/tree", "application/x-tar", archiveHead),
    begin("tree", "application/x-tar", archiveHead),
  ];
  while ((await client.exec("w", findLeft)).split("\n").length - 1 < uploads.length) await sleep(20);
  return uploads;
}

describe("an upload that nobody is left to end", { skip: await sandboxMissing() }, () => {
  test("leaves nothing for the workspace's next session, whichever was ended: the server or the session", async () => {
    const directory = await temporaryDirectory();
    const servers: ServerProcess[] = [];
    const start = async (): Promise<Client> => {
      const server = await serverProcess(path.join(directory, "data"), apiKey);
      servers.push(server);
      return new Client(server.url, apiKey);
    };
    const look = `cat kept; ls -A tree deep; ${findLeft}; ls .chaser-upload-mine`;
    const seen = "old\ndeep:\ner\n\ntree:\nold\n.chaser-upload-mine\n";
    try {
      const before = await start();
      await before.workspace("w");
      await before.exec("w", "echo old > kept; mkdir tree; echo old > tree/old; touch .chaser-upload-mine");
      await beginUploads(before);
      await servers[0]?.end("SIGKILL");

      const client = await start();
      assert.equal(await client.exec("w", look), seen);

      const uploads = await beginUploads(client);
      await client.idle("w");
      assert.equal(await client.exec("w", look), seen);
      for (const upload of uploads) upload.destroy();
    } finally {
      for (const server of servers) if (server.child.exitCode === null) await server.end("SIGKILL");
      await removeDirectory(directory);
    }
  });
});
