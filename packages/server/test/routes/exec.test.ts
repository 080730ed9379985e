import assert from "node:assert/strict";
import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { after, before, describe, test } from "node:test";
import { answeredOutputBytesMax } from "../../src/limits.js";
import { bytesOf, execEvents, type ServerEvent } from "../fixture/events.js";
import { sandboxMissing, testServer, type Client, type TestServer } from "../fixture/server.js";

describe("exec", { skip: await sandboxMissing() }, () => {
  let server: Client & TestServer;
  before(async () => {
    server = await testServer();
    await server.workspace("w");
  });
  after(() => server[Symbol.asyncDispose]());

  const run = (body: Record<string, unknown>): Promise<any> =>
    server.expect(200, "POST", "/v1/exec", { workspace: "w", ...body });

  test("the answer has every field of the contract", async () => {
    const { duration_ms, session_id, ...rest } = await run({
      command: "echo out; sleep 0.1; echo err >&2; exit 3",
    });
    assert.ok(Number.isInteger(duration_ms));
    assert.match(session_id, /^[0-9a-f-]{36}$/);
    assert.deepEqual(rest, {
      exit_code: 3,
      output: "out\nerr\n",
      stdout: "out\n",
      stderr: "err\n",
      output_truncated: false,
      timed_out: false,
      limits_hit: [],
      signal: null,
      warnings: [],
    });
  });

  test("a mistake of the client is answered, and is no error in the log", async () => {
    const log: string[] = [];
    await using own = await testServer({ log: { write: (line) => log.push(line) } });
    const { id } = await own.expect(201, "POST", "/v1/sessions", {
      session_type: "sandbox",
      ephemeral: true,
    });
    const route = `/v1/sessions/${id}/exec`;
    const body = { command: "true", cwd: "/secret/name" };
    await own.refused(400, "invalid_request", "POST", route, body);
    const events: ServerEvent[] = [];
    for await (const event of execEvents(own, route, body)) events.push(event);
    assert.equal(events.at(-1)?.event, "error");
    await own.refused(502, "port_closed", "GET", `/s/${id}/forward/9/`);
    const { command_id: command } = await own.expect(200, "POST", route, {
      command: "cat",
      background: true,
    });
    const input = request(`${own.url}/v1/sessions/${id}/commands/${command}/stdin`, {
      method: "POST",
      headers: { authorization: `Bearer ${own.key}`, "content-type": "application/octet-stream" },
    });
    input.on("error", () => undefined);
    input.write("half");
    await sleep(100);
    input.destroy();
    while (!log.some((line) => line.includes("/stdin"))) await sleep(20);
    const lines = log.join("");
    assert.ok(!lines.includes('"level":"error"'), lines);
    assert.ok(!lines.includes("/secret"), lines);
  });

  test("an answer holds a bounded part of the output, and asks for no more", async () => {
    const command = "head -c 2000000 /dev/zero";
    const answer = await run({ command });
    assert.deepEqual(
      [answer.output_truncated, answer.output.length, answer.stdout === answer.output, answer.stderr],
      [true, answeredOutputBytesMax, true, ""],
    );
    const more = { workspace: "w", command, max_output_bytes: answeredOutputBytesMax + 1 };
    const refused = await server.refused(400, "invalid_request", "POST", "/v1/exec", more);
    assert.equal(refused.details.path, "max_output_bytes");
    const events: ServerEvent[] = [];
    for await (const event of execEvents(server, "/v1/exec", { ...more, max_output_bytes: 1e9 }))
      events.push(event);
    assert.equal(bytesOf(events, "stdout").length, 2_000_000);
  });

  test("neither a workspace nor an ephemeral disk is nowhere to run", async () => {
    const body = { ephemeral: false, command: "true" };
    const error = await server.refused(400, "invalid_request", "POST", "/v1/exec", body);
    assert.equal(error.details.path, "ephemeral");
  });

  test("a limit that was reached is named, and a session says what it is held to", async () => {
    const { limits_hit, session_id } = await run({ command: "sleep 1000", timeout_ms: 50 });
    assert.deepEqual(limits_hit, ["time"]);
    const cut = await run({ command: "echo much", max_output_bytes: 2 });
    assert.deepEqual([cut.limits_hit, cut.output], [["output"], "mu"]);
    const full = await run({ command: "head -c 1G /dev/zero > /tmp/full" });
    assert.deepEqual(full.limits_hit, ["tmp"]);
    const session = await server.expect(200, "GET", `/v1/sessions/${session_id}`);
    assert.deepEqual(session.limits_hit, ["tmp"]);
    assert.equal(session.limits.tmp_bytes.mechanism, "tmpfs");
    assert.match(session.limits.session_memory_bytes.mechanism, /^(cgroup|watch)$/);
    await server.call("DELETE", `/v1/sessions/${session_id}`);
    const ended = await server.expect(200, "GET", `/v1/sessions/${session_id}`);
    assert.deepEqual([ended.limits_hit, ended.limits], [["tmp"], session.limits]);
  });

  test("a session reaches what it was given, of what the operator allows", async () => {
    const rule = { host: "registry.example", port: 443 };
    await using closed = await testServer({ network: "nat", egress: [rule] });
    await closed.workspace("w");
    const body = { session_type: "sandbox", workspace: "w" };
    const beyond = { ...body, egress: [{ host: "other.example" }] };
    const refused = await closed.refused(400, "invalid_request", "POST", "/v1/sessions", beyond);
    assert.match(refused.message, /other\.example:443 is not allowed here/);
    await closed.refused(400, "invalid_request", "POST", "/v1/sessions", {
      ...body,
      egress: [{ host: "*" }],
    });
    const session = await closed.expect(201, "POST", "/v1/sessions", { ...body, egress: [] });
    await closed.expect(200, "POST", "/v1/sessions", body);
    await closed.expect(200, "POST", "/v1/sessions", { ...body, egress: [] });
    await closed.refused(409, "session_active", "POST", "/v1/sessions", { ...body, egress: [rule] });
    const { stdout } = await closed.expect(200, "POST", `/v1/sessions/${session.id}/exec`, {
      command: "echo $https_proxy; grep -c : /proc/net/dev",
    });
    assert.equal(stdout, "http://127.0.0.1:3128\n1\n");
    await assert.rejects(testServer({ egress: [rule] }), /needs network nat/);
  });

  test("one session serves one command after the other, and files stay", async () => {
    const first = await run({ command: "echo kept > /workspace/file; pwd; id -u" });
    assert.equal(first.stdout, "/workspace\n1000\n");
    const second = await run({ command: ["cat", "/workspace/file"] });
    assert.equal(second.stdout, "kept\n");
    assert.equal(second.session_id, first.session_id);
    const w = await server.expect(200, "GET", "/v1/workspaces/w");
    assert.deepEqual(
      [w.status, w.active_session_id, w.last_session_id],
      ["active", first.session_id, first.session_id],
    );
  });

  test("fifty commands at once on a cold workspace share one session", async () => {
    await server.workspace("busy");
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        server.expect(200, "POST", "/v1/exec", { workspace: "busy", command: `echo ${i}` }),
      ),
    );
    assert.deepEqual(
      answers.map((a) => a.stdout),
      answers.map((_, i) => `${i}\n`),
    );
    assert.equal(new Set(answers.map((a) => a.session_id)).size, 1);
    await server.expect(204, "DELETE", "/v1/workspaces/busy?force=true");
  });

  test("arguments are not read by a shell", async () => {
    assert.equal((await run({ command: ["printf", "%s|", "a b", "$HOME", ""] })).stdout, "a b|$HOME||");
  });

  test("working directory, environment and input reach the command", async () => {
    const { stdout } = await run({
      command: 'pwd; echo "$GREETING"; cat',
      cwd: "/tmp",
      env: { GREETING: "hello; exit 1" },
      stdin: "from stdin",
    });
    assert.equal(stdout, "/tmp\nhello; exit 1\nfrom stdin");
  });

  test("without stdin the input is empty, not open", async () => {
    assert.equal((await run({ command: "cat; echo done" })).stdout, "done\n");
  });

  test("a command that does not exist is 127, one killed by a signal 128 and the signal", async () => {
    assert.equal((await run({ command: ["no-such-program"] })).exit_code, 127);
    assert.equal((await run({ command: "no-such-program" })).exit_code, 127);
    const killed = await run({ command: "kill -TERM $$" });
    assert.deepEqual([killed.exit_code, killed.signal], [143, "SIGTERM"]);
  });

  test("a timeout gives what was printed so far and ends every process of the command", async () => {
    const result = await run({ command: "echo before; sleep 987 & sleep 987; echo after", timeout_ms: 500 });
    assert.deepEqual([result.exit_code, result.timed_out, result.stdout], [124, true, "before\n"]);
    assert.equal((await run({ command: "pgrep -f 'sleep 98[7]' || echo none" })).stdout, "none\n");
  });

  test("output beyond the cap is cut and said", async () => {
    const cut = await run({ command: "head -c 3000 /dev/zero", max_output_bytes: 1000 });
    assert.deepEqual([cut.stdout.length, cut.output_truncated, cut.exit_code], [1000, true, 0]);
    const whole = await run({ command: "head -c 1000 /dev/zero", max_output_bytes: 1000 });
    assert.deepEqual([whole.stdout.length, whole.output_truncated], [1000, false]);
    const flood = await run({ command: "head -c 50000000 /dev/zero" });
    assert.deepEqual([flood.stdout.length, flood.output_truncated], [1024 * 1024, true]);
  });

  test("an ephemeral command leaves nothing behind", async () => {
    const result = await server.expect(200, "POST", "/v1/exec", {
      ephemeral: true,
      command: "ls -A /workspace",
    });
    assert.equal(result.output, "");
    const session = await server.expect(200, "GET", `/v1/sessions/${result.session_id}`);
    assert.deepEqual([session.status, session.ephemeral, session.end_reason], ["ended", true, "finished"]);
    const implied = await server.expect(200, "POST", "/v1/exec", { command: "true" });
    assert.notEqual(implied.session_id, result.session_id);
    await server.refused(404, "not_found", "POST", `/v1/sessions/${result.session_id}/exec`, {
      command: "true",
    });
  });

  test("a session takes commands by its id until it is ended", async () => {
    const s = await server.expect(201, "POST", "/v1/sessions", {
      session_type: "sandbox",
      ephemeral: true,
      ttl_seconds: 60,
    });
    assert.deepEqual([s.status, s.ttl_seconds, s.workspace_id], ["active", 60, null]);
    const path = `/v1/sessions/${s.id}`;
    await server.expect(200, "POST", `${path}/exec`, { command: "echo x > file" });
    assert.equal((await server.expect(200, "POST", `${path}/exec`, { command: "cat file" })).stdout, "x\n");
    const active = await server.expect<any[]>(200, "GET", "/v1/sessions?status=active");
    assert.ok(active.some((a) => a.id === s.id));
    await server.expect(204, "DELETE", path);
    await server.expect(204, "DELETE", path);
    await server.refused(404, "not_found", "POST", `${path}/exec`, { command: "true" });
    assert.equal((await server.expect(200, "GET", path)).status, "ended");
    await server.refused(404, "not_found", "DELETE", "/v1/sessions/nothing");
  });

  test("starting a session on a workspace that has one gives that one", async () => {
    const { session_id } = await run({ command: "true" });
    const body = { session_type: "sandbox", workspace: "w", ttl_seconds: 120 };
    const same = await server.expect(200, "POST", "/v1/sessions", body);
    assert.deepEqual([same.id, same.ttl_seconds], [session_id, 120]);
  });

  test("several sessions end at once, each settled on its own", async () => {
    const { session_id } = await run({ command: "true" });
    const { results } = await server.expect(200, "POST", "/v1/sessions/bulk-terminate", {
      ids: [session_id, "nothing"],
      workspaces: ["nowhere"],
    });
    assert.deepEqual(results, [
      { id: session_id, session_id, status: "ended" },
      { id: "nothing", session_id: null, status: "not_found" },
      { id: "nowhere", session_id: null, status: "not_found" },
    ]);
    await server.refused(400, "invalid_request", "POST", "/v1/sessions/bulk-terminate", {});
    await server.expect(200, "POST", "/v1/sessions/bulk-terminate", { all: true });
    assert.deepEqual(await server.expect(200, "GET", "/v1/sessions?status=active"), []);
  });

  test("events carry every byte as it comes, and end with complete", async () => {
    const bytes = Array.from({ length: 256 }, (_, i) => `\\${i.toString(8).padStart(3, "0")}`).join("");
    const command = `printf '${bytes}'; printf warn >&2; exit 4`;
    const events: ServerEvent[] = [];
    for await (const event of execEvents(server, "/v1/exec", { workspace: "w", command })) events.push(event);
    assert.equal(events[0]?.event, "start");
    assert.match(events[0]?.data.session_id, /^[0-9a-f-]{36}$/);
    assert.deepEqual(bytesOf(events, "stdout"), Buffer.from(Array.from({ length: 256 }, (_, i) => i)));
    assert.equal(bytesOf(events, "stderr").toString(), "warn");
    const last = events.at(-1);
    assert.equal(last?.event, "complete");
    assert.deepEqual(
      [last.data.exit_code, last.data.output_bytes, last.data.output_truncated],
      [4, 260, false],
    );
    // An id counts the bytes of output so far.
    let printed = 0;
    for (const { id, data } of events) {
      printed += Buffer.from(data.data ?? "", "base64").length;
      assert.equal(id, String(printed));
    }
  });

  test("a process left in the background does not hold the answer", async () => {
    const command = "head -c 300000 /dev/zero; sleep 30 & yes >&2 & exit 5";
    const answer = await run({ command, max_output_bytes: 300_000 });
    assert.deepEqual([answer.exit_code, answer.stdout.length], [5, 300_000]);
    const quiet = "head -c 300000 /dev/zero; sleep 30 & exit 6";
    const events: ServerEvent[] = [];
    for await (const event of execEvents(server, "/v1/exec", { workspace: "w", command: quiet }))
      events.push(event);
    assert.equal(bytesOf(events, "stdout").length, 300_000);
    assert.equal(events.at(-1)?.data.exit_code, 6);
    await server.idle("w");
  });

  test("a working directory that is not there is the caller's mistake", async () => {
    const body = { workspace: "w", command: "true", cwd: "/workspace/nowhere" };
    await server.refused(400, "invalid_request", "POST", "/v1/exec", body);
    const events: ServerEvent[] = [];
    for await (const event of execEvents(server, "/v1/exec", body)) events.push(event);
    assert.equal(events.at(-1)?.event, "error");
    assert.equal(events.at(-1)?.data.error.code, "invalid_request");
    assert.ok(!events.some((e) => e.event === "complete"));
  });

  test("events come while the command runs", async () => {
    const command = "echo first; sleep 0.5; test -e /workspace/go && echo second";
    let seen = "";
    for await (const { event, data } of execEvents(server, "/v1/exec", { workspace: "w", command })) {
      if (event === "stdout") seen += Buffer.from(data.data, "base64").toString();
      if (seen === "first\n") await server.exec("w", "touch /workspace/go");
      if (event === "complete") assert.equal(data.exit_code, 0);
    }
    assert.equal(seen, "first\nsecond\n");
  });

  test("a client that goes away takes its command with it", async () => {
    const leave = new AbortController();
    const command = "echo started; sleep 983";
    await assert.rejects(async () => {
      for await (const { event } of execEvents(server, "/v1/exec", { workspace: "w", command }, leave.signal))
        if (event === "stdout") leave.abort();
    });
    await gone("sleep 98[3]");
  });

  test("a waiting client that goes away takes its command with it", async () => {
    const leave = new AbortController();
    const waiting = fetch(server.url + "/v1/exec", {
      method: "POST",
      headers: { authorization: `Bearer ${server.key}`, "content-type": "application/json" },
      body: JSON.stringify({ workspace: "w", command: "touch /workspace/begun; sleep 985" }),
      signal: leave.signal,
    });
    await server.exec("w", "until [ -e /workspace/begun ]; do sleep 0.02; done");
    leave.abort();
    await assert.rejects(waiting);
    await gone("sleep 98[5]");
  });

  /** Waits until no process of the workspace's session matches; the server learns of a lost client a moment later. */
  async function gone(pattern: string): Promise<void> {
    for (let attempt = 0; attempt < 1200; attempt += 1) {
      if ((await run({ command: `pgrep -f '${pattern}' || echo none` })).stdout === "none\n") return;
      await sleep(50);
    }
    assert.fail(`a process still matches ${pattern}`);
  }

  test("the number of sessions is limited", async () => {
    await using small = await testServer({ limits: { sessionsMax: 1 } });
    const body = { session_type: "sandbox", ephemeral: true };
    await small.expect(201, "POST", "/v1/sessions", body);
    const error = await small.refused(429, "limit_exceeded", "POST", "/v1/sessions", body);
    assert.deepEqual(error.details, { sessions: 1, sessions_max: 1 });
  });
});
