import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { bytesOf, execEvents, followEvents, type ServerEvent } from "../fixture/events.js";
import { secondAccount } from "../fixture/second-account.js";
import { sandboxMissing, testServer, type Client, type TestServer } from "../fixture/server.js";

describe("commands in the background", { skip: await sandboxMissing() }, () => {
  let server: Client & TestServer;
  before(async () => {
    server = await testServer();
    await server.workspace("w");
  });
  after(() => server[Symbol.asyncDispose]());

  const start = async (body: Record<string, unknown>): Promise<{ id: string; path: string; answer: any }> => {
    const answer = await server.expect<any>(200, "POST", "/v1/exec", {
      workspace: "w",
      background: true,
      ...body,
    });
    const id = answer.command_id as string;
    return { id, path: `/v1/sessions/${answer.session_id}/commands/${id}`, answer };
  };

  const input = async (path: string, query: string, text: string): Promise<{ status: number; body: any }> => {
    const response = await fetch(`${server.url}${path}/stdin${query}`, {
      method: "POST",
      headers: { authorization: `Bearer ${server.key}`, "content-type": "application/octet-stream" },
      body: text,
    });
    return { status: response.status, body: await response.json() };
  };

  const all = async (events: AsyncIterable<ServerEvent>): Promise<ServerEvent[]> => {
    const list: ServerEvent[] = [];
    for await (const event of events) list.push(event);
    return list;
  };

  test("answer with an id and a pid, take input, and are listed with how they ended", async () => {
    const { id, path, answer } = await start({ command: "read a; echo out $a; echo err >&2; exit 3" });
    assert.ok(answer.pid > 1);
    const running = await server.expect<any>(200, "GET", path);
    assert.deepEqual(
      [running.id, running.kind, running.status, running.exit_code, running.ended_at, running.pid],
      [id, "background", "running", null, null, answer.pid],
    );
    assert.deepEqual(await input(path, "?offset=0", "on"), {
      status: 200,
      body: { received_bytes: 2, eof: false },
    });
    const gap = await input(path, "?offset=3", "x");
    assert.deepEqual(
      [gap.status, gap.body.error.code, gap.body.error.details],
      [409, "stdin_gap", { expected_offset: 2 }],
    );
    assert.equal((await input(path, "?offset=0", "one\n")).body.received_bytes, 4);
    const events = await all(followEvents(server, `${path}/stream`));
    assert.deepEqual(
      [events[0]?.event, events[0]?.data.command_id, events[0]?.data.pid, events[0]?.data.offset],
      ["start", id, answer.pid, 0],
    );
    assert.equal(bytesOf(events, "stdout").toString(), "out one\n");
    assert.equal(bytesOf(events, "stderr").toString(), "err\n");
    const last = events.at(-1);
    assert.deepEqual([last?.event, last?.data.exit_code, last?.data.output_bytes], ["complete", 3, 12]);
    const [listed] = await server.expect<any[]>(200, "GET", path.replace(/\/[^/]*$/, ""));
    assert.deepEqual(
      [
        listed.id,
        listed.status,
        listed.exit_code,
        listed.output_bytes,
        listed.output_dropped_bytes,
        listed.stdin_bytes,
      ],
      [id, "exited", 3, 12, 0, 4],
    );
    assert.equal((await input(path, "", "more")).body.error.code, "stdin_closed");
  });

  test("go on to be known when their session has ended, with the end of their output, for their account alone", async () => {
    const { id, path, answer } = await start({ command: "printf first; read x; printf second >&2" });
    for await (const event of followEvents(server, `${path}/stream`)) if (event.event === "stdout") break;
    await input(path, "?eof=true", "line\n");
    const before = await all(followEvents(server, `${path}/stream`));
    const flood = await start({ command: "head -c 300000 /dev/zero | tr '\\0' x; echo end; sleep 600" });
    for await (const event of followEvents(server, `${flood.path}/stream`))
      if (bytesOf([event], "stdout").toString().endsWith("end\n")) break;
    const shown = await server.expect<any>(200, "GET", path);
    await server.idle("w");

    assert.deepEqual(await server.expect<any>(200, "GET", path), shown);
    assert.deepEqual(await server.expect<any>(200, "GET", `/v1/commands/${id}`), shown);
    const listed = await server.expect<any[]>(200, "GET", `/v1/sessions/${answer.session_id}/commands`);
    assert.deepEqual(listed.map((c) => c.id).slice(0, 2), [flood.id, id]);
    const list = `/v1/sessions/${answer.session_id}/commands?limit=1`;
    const page = await server.call("GET", list);
    const cursor = page.headers.get("x-next-cursor");
    const next = await server.expect<any[]>(200, "GET", `${list}&cursor=${cursor}`);
    assert.deepEqual([...page.body, ...next], listed.slice(0, 2));
    assert.deepEqual(await all(followEvents(server, `${path}/stream`)), before);
    const rest = await all(followEvents(server, `${path}/stream?offset=3`));
    assert.equal(bytesOf(rest, "stdout").toString(), "st");

    const { status, signal, output_bytes: bytes, output_dropped_bytes: dropped } = listed[0];
    assert.deepEqual([status, signal, bytes], ["exited", "SIGKILL", 300_004]);
    assert.ok(dropped > 0 && bytes - dropped <= 64 * 1024);
    const replayed = await all(followEvents(server, `${flood.path}/stream`));
    assert.deepEqual(replayed[1], { event: "dropped", data: { bytes: dropped }, id: String(dropped) });
    assert.ok(bytesOf(replayed, "stdout").toString().endsWith("xend\n"));
    assert.equal(replayed.at(-1)?.data.exit_code, 137);

    const other = await secondAccount(server);
    for (const route of [path, `${path}/stream`, `/v1/commands/${id}`])
      await other.refused(404, "not_found", "GET", route);
  });

  test("name the limit they ran into", async () => {
    const { path } = await start({
      command: "head -c 11G /dev/zero | (ulimit -f 1; cat > big)",
      timeout_ms: 60_000,
    });
    await all(followEvents(server, `${path}/stream`));
    const { limits_hit: limits, signal } = await server.expect<any>(200, "GET", path);
    assert.deepEqual([signal, limits], ["SIGXFSZ", ["file_size"]]);
    assert.equal(await server.exec("w", "rm big"), "");
  });

  test("can have a terminal from the start", async () => {
    const { id, path, answer } = await start({
      command: "tty >/dev/null && stty size && echo $A $TERM; exit 3",
      terminal: { columns: 100 },
      env: { A: "b" },
    });
    const events = await all(followEvents(server, `${path}/stream`));
    assert.equal(bytesOf(events, "stdout").toString(), "24 100\r\nb xterm-256color\r\n");
    const shown = await server.expect<any>(200, "GET", path);
    assert.deepEqual([shown.id, shown.kind, shown.exit_code], [id, "terminal", 3]);
    const { details } = await server.refused(
      400,
      "invalid_request",
      "POST",
      `/v1/sessions/${answer.session_id}/exec`,
      {
        command: "true",
        terminal: {},
      },
    );
    assert.equal(details.path, "terminal");
  });

  test("can be followed again from any event, by several at once", async () => {
    const { path } = await start({
      command: "for i in 1 2 3 4; do read line; echo $i >&$((i % 2 + 1)); done",
    });
    const abort = new AbortController();
    const seen: ServerEvent[] = [];
    await input(path, "", "\n\n");
    try {
      for await (const event of followEvents(server, `${path}/stream`, undefined, abort.signal)) {
        seen.push(event);
        if (event.id === "4") abort.abort();
      }
    } catch (error) {
      assert.ok(abort.signal.aborted, String(error));
    }
    const others = [
      followEvents(server, `${path}/stream`),
      followEvents(server, `${path}/stream?offset=1`),
    ].map(all);
    await input(path, "", "\n\n");
    const rest = await all(followEvents(server, `${path}/stream`, seen.at(-1)?.id));
    const text = (list: ServerEvent[]): string =>
      list
        .filter(({ event }) => event === "stdout" || event === "stderr")
        .map(({ data }) => Buffer.from(data.data, "base64").toString())
        .join("");
    assert.equal(text(seen) + text(rest), "1\n2\n3\n4\n");
    assert.equal(rest.at(-1)?.event, "complete");
    assert.deepEqual((await Promise.all(others)).map(text), ["1\n2\n3\n4\n", "\n2\n3\n4\n"]);
    await server.refused(400, "invalid_request", "GET", `${path}/stream?offset=9`);
    await server.refused(400, "invalid_request", "GET", `${path}/stream`, undefined, {
      "last-event-id": "x",
    });
  });

  test("tell a late reader what is no longer kept", async () => {
    const { path } = await start({ command: "head -c 9000000 /dev/zero", max_output_bytes: 100_000 });
    // One that keeps up misses nothing.
    while ((await server.expect<any>(200, "GET", path)).status === "running") await sleep(20);
    const events = await all(followEvents(server, `${path}/stream`));
    const dropped = events
      .filter(({ event }) => event === "dropped")
      .reduce((sum, { data }) => sum + data.bytes, 0);
    const shown = await server.expect<any>(200, "GET", path);
    assert.equal(shown.output_bytes, 9_000_000);
    assert.equal(bytesOf(events, "stdout").length + dropped, 9_000_000);
    assert.ok(dropped > 0 && shown.output_dropped_bytes >= 8_900_000);
  });

  test("are ended by a signal, SIGTERM by default, and by their time", async () => {
    const trapped = await start({ command: "trap 'echo got; exit 9' INT; echo ready; read never" });
    for await (const { event } of followEvents(server, `${trapped.path}/stream`)) {
      if (event === "stdout") break;
    }
    await server.expect(200, "POST", `${trapped.path}/kill`, { signal: "SIGINT" });
    assert.equal((await all(followEvents(server, `${trapped.path}/stream`))).at(-1)?.data.exit_code, 9);
    await server.expect(200, "POST", `${trapped.path}/kill`);
    await server.refused(400, "invalid_request", "POST", `${trapped.path}/kill`, { signal: "SIGNOTHING" });
    const plain = await start({ command: ["sleep", "1000"] });
    await server.expect(200, "POST", `${plain.path}/kill`);
    const end = (await all(followEvents(server, `${plain.path}/stream`))).at(-1);
    assert.deepEqual([end?.event, end?.data.exit_code, end?.data.signal], ["complete", 143, "SIGTERM"]);
    const late = await start({ command: "echo before; sleep 1000", timeout_ms: 200 });
    const events = await all(followEvents(server, `${late.path}/stream`));
    assert.deepEqual([events.at(-1)?.data.exit_code, events.at(-1)?.data.timed_out], [124, true]);
    assert.equal(bytesOf(events, "stdout").toString(), "before\n");
  });

  test("that cannot be run end in an error event", async () => {
    const { path } = await start({ command: "true", cwd: "/no/where" });
    const last = (await all(followEvents(server, `${path}/stream`))).at(-1);
    assert.deepEqual([last?.event, last?.data.error.code], ["error", "invalid_request"]);
    const shown = await server.expect<any>(200, "GET", path);
    assert.deepEqual([shown.status, shown.exit_code, shown.error.code], ["failed", null, "invalid_request"]);
  });

  test("have no input when it is given whole or closed", async () => {
    for (const [body, output] of [
      [{ stdin: "given" }, "given"],
      [{ stdin_open: false }, ""],
    ] as const) {
      const { path } = await start({ command: ["cat"], ...body });
      const events = await all(followEvents(server, `${path}/stream`));
      assert.equal(bytesOf(events, "stdout").toString(), output);
    }
  });

  test("keep their session in use while they run, and their processes are shown", async () => {
    const short = await server.expect<any>(201, "POST", "/v1/sessions", {
      session_type: "sandbox",
      ephemeral: true,
    });
    const path = `/v1/sessions/${short.id}`;
    const { command_id: id } = await server.expect<any>(200, "POST", `${path}/exec`, {
      command: "sleep 1000 & exec sleep 1001",
      background: true,
    });
    await sleep(300);
    const before = (await server.expect<any>(200, "GET", path)).last_used_at;
    const found = await server.expect<any[]>(200, "GET", `${path}/processes`);
    assert.deepEqual(
      found.map((p) => [p.name, p.command_id]),
      [
        ["sleep", id],
        ["sleep", id],
      ],
    );
    await server.expect(200, "POST", `${path}/commands/${id}/kill`, { signal: "SIGKILL" });
    await all(followEvents(server, `${path}/commands/${id}/stream`));
    const after = (await server.expect<any>(200, "GET", path)).last_used_at;
    assert.ok(after > before, `${after} ${before}`);
    const test = await server.expect<any>(200, "POST", `${path}/self-test`);
    assert.equal(test.ok, true, JSON.stringify(test));
    await server.expect(204, "DELETE", path);
    await server.refused(404, "not_found", "POST", `${path}/commands/${id}/kill`);
  });

  test("in the foreground have an id by which they take input and signals", async () => {
    const events = execEvents(server, "/v1/exec", {
      workspace: "w",
      command: "trap 'echo interrupted; exit 8' INT; read line; echo got $line; read never",
      stdin_open: true,
    });
    const seen: ServerEvent[] = [];
    for await (const event of events) {
      seen.push(event);
      const { session_id, command_id } = seen[0]?.data ?? {};
      const path = `/v1/sessions/${session_id}/commands/${command_id}`;
      if (event.event === "start") await input(path, "", "this\n");
      if (event.event === "stdout" && seen.length === 2) {
        await server.refused(400, "invalid_request", "GET", `${path}/stream`);
        await server.expect(200, "POST", `${path}/kill`, { signal: "SIGINT" });
      }
    }
    assert.equal(bytesOf(seen, "stdout").toString(), "got this\ninterrupted\n");
    assert.equal(seen.at(-1)?.data.exit_code, 8);
    await server.refused(400, "invalid_request", "POST", "/v1/exec", { command: "true", stdin_open: true });
  });
});
