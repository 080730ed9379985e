import assert from "node:assert/strict";
import { spawnSync, type ChildProcess } from "node:child_process";
import { randomBytes, randomInt } from "node:crypto";
import { chmodSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, it, type TestContext } from "node:test";
import { outcomeOf, prepareCli, type Outcome } from "../spawned-cli.js";

interface Served {
  url: string;
  data_directory: string;
  api_key?: string;
  credentials_file?: string;
}

interface RunningServe {
  child: ChildProcess;
  outcome: Promise<Outcome>;
  served: Served;
}

/** The wiring of command line, server, runtime and store; what each does in detail is tested where it lives. */
describe("chaser serve, and the commands that talk to it", () => {
  const cli = prepareCli();
  // A server that is root hands files to users of their own, who must be able to reach them.
  if (process.getuid?.() === 0) chmodSync(cli.directory, 0o711);
  let running: RunningServe;
  let sandboxMissing: string | undefined;

  async function serve(): Promise<RunningServe> {
    const child = cli.start(
      "serve",
      "--data",
      join(cli.directory, "data"),
      "--listen",
      "127.0.0.1:0",
      "--json",
    );
    const outcome = outcomeOf(child);
    let text = "";
    const served = await new Promise<Served>((resolve, reject) => {
      child.stdout?.on("data", (piece: Buffer) => {
        text += piece.toString();
        if (text.endsWith("\n}\n")) resolve(JSON.parse(text) as Served);
      });
      void outcome.then(({ stderr }) => reject(new Error(`the server did not start: ${stderr}`)));
    });
    cli.env["CHASER_API_URL"] = served.url;
    return { child, outcome, served };
  }

  function needsSandbox(test: TestContext): boolean {
    if (sandboxMissing !== undefined) test.skip(sandboxMissing);
    return sandboxMissing === undefined;
  }

  before(async () => {
    running = await serve();
    const doctor = await cli.run("doctor", "--json");
    const { checks } = JSON.parse(doctor.stdout) as {
      checks: { name: string; ok: boolean; detail: string }[];
    };
    const session = checks.find(({ name }) => name === "sandbox session");
    if (session?.ok === false) sandboxMissing = `no sandbox on this machine: ${session.detail}`;
    await cli.json("workspaces", "create", "--name", "w");
  });
  after(async () => {
    running.child.kill("SIGTERM");
    await running.outcome;
    // An overlay's work area holds directories that only chmod opens for an ordinary user.
    spawnSync("chmod", ["-R", "u+rwX", cli.directory]);
    rmSync(cli.directory, { recursive: true, force: true });
  });

  it("prints the first key once and saves it for its owner alone", () => {
    const { api_key: key, credentials_file: file } = running.served;
    assert.match(key ?? "", /^sk_/);
    assert.equal(statSync(file ?? "").mode & 0o777, 0o600);
    assert.ok(readFileSync(file ?? "", "utf8").includes(key ?? "?"));
  });

  it("refuses a second server on the same directory, or on the same address", async () => {
    const second = await cli.run("serve", "--data", join(cli.directory, "data"), "--listen", "127.0.0.1:0");
    assert.equal(second.code, 4);
    const address = new URL(running.served.url).host;
    const third = await cli.run("serve", "--data", join(cli.directory, "other"), "--listen", address);
    assert.equal(third.code, 4);
    assert.match(third.stderr, /listens on .* already\nhint: /);
    assert.equal((await cli.run("serve", "--listen", "nowhere")).code, 2);
  });

  it("answers with the documented exit codes", async () => {
    assert.equal((await cli.run("workspaces", "show", "W")).code, 0);
    assert.equal((await cli.run("workspaces", "show", "nope")).code, 3);
    assert.equal((await cli.run("workspaces", "create", "--name", "w")).code, 4);
    assert.equal((await cli.run("workspaces", "create", "--name", "x".repeat(65))).code, 2);
    const { code, stderr } = await cli.run("workspaces", "show", "nope", "--json");
    assert.deepEqual(
      [code, (JSON.parse(stderr) as { error: { code: string } }).error.code],
      [3, "not_found"],
    );
  });

  it("says which key is missing or wrong, with exit code 6", async () => {
    const saved = { ...cli.env };
    try {
      cli.env["XDG_CONFIG_HOME"] = join(cli.directory, "empty");
      assert.match((await cli.run("workspaces", "list")).stderr, /no API key/);
      cli.env["CHASER_API_KEY"] = "sk_" + "x".repeat(40);
      assert.equal((await cli.run("workspaces", "list")).code, 6);
    } finally {
      delete cli.env["CHASER_API_KEY"];
      Object.assign(cli.env, saved);
    }
  });

  it("keeps a default workspace, which outlives its renaming", async () => {
    await cli.json("workspaces", "create", "--name", "before");
    const { id } = await cli.json<{ id: string }>("workspaces", "default", "set", "before");
    assert.equal((await cli.json<{ name: string }>("workspaces", "label", "after")).name, "after");
    assert.equal((await cli.json<{ id: string }>("workspaces", "default", "show")).id, id);
    await cli.json("workspaces", "label", "--clear");
    await cli.json("workspaces", "default", "clear");
    assert.equal((await cli.run("workspaces", "default", "show")).code, 2);
    await cli.json("workspaces", "delete", id);
  });

  it("prints each list and summary as one JSON document", async () => {
    for (const args of [
      ["workspaces", "list"],
      ["workspaces", "usage", "w"],
      ["workspaces", "snapshots", "list", "w"],
      ["sessions", "list"],
      ["keys", "list"],
      ["accounts", "list"],
      ["billing", "summary"],
      ["audit"],
    ]) {
      const { code, stdout, stderr } = await cli.run(...args, "--json");
      assert.deepEqual([code, stderr], [0, ""], args.join(" "));
      assert.equal(typeof JSON.parse(stdout), "object");
      const text = await cli.run(...args);
      assert.deepEqual([text.code, text.stderr], [0, ""], args.join(" "));
      assert.doesNotMatch(text.stdout, /undefined|NaN|\[object/, args.join(" "));
    }
  });

  it("makes a key that may do what it says and no more, and revokes it", async () => {
    const key = await cli.json<{ id: string; secret: string }>(
      "keys",
      "create",
      "reader",
      "--scope",
      "workspaces.read",
    );
    cli.env["CHASER_API_KEY"] = key.secret;
    assert.equal((await cli.run("workspaces", "list")).code, 0);
    assert.equal((await cli.run("keys", "list")).code, 6);
    delete cli.env["CHASER_API_KEY"];
    await cli.json("keys", "revoke", key.id);
    cli.env["CHASER_API_KEY"] = key.secret;
    assert.equal((await cli.run("workspaces", "list")).code, 6);
    delete cli.env["CHASER_API_KEY"];
  });

  it("exec gives the command's own output and exit code", async (test) => {
    if (!needsSandbox(test)) return;
    const outcome = await cli.run("exec", "w", "--", "echo out; echo err >&2; exit 7");
    assert.deepEqual([outcome.code, outcome.stdout, outcome.stderr], [7, "out\n", "err\n"]);
    assert.equal((await cli.run("exec", "w", "--", "no-such-command")).code, 127);
    assert.equal((await cli.run("exec", "w", "--", "sh", "-c", "kill -9 $$")).code, 137);
    const late = await cli.run("exec", "w", "--timeout", "0.3", "--", "echo early; sleep 60");
    assert.deepEqual([late.code, late.stdout], [124, "early\n"]);
    const words = await cli.run(
      "exec",
      "w",
      "--env",
      "A=b c",
      "--cwd",
      "/tmp",
      "--",
      "printf",
      "%s|",
      "$A",
      "x  y",
    );
    assert.equal(words.stdout, "$A|x  y|");
    assert.equal(
      (await cli.run("exec", "w", "--env", "A=b c", "--cwd", "/tmp", "--", 'echo "$A" "$PWD"')).stdout,
      "b c /tmp\n",
    );
  });

  it("exec --json gives the captured result", async (test) => {
    if (!needsSandbox(test)) return;
    const { code, stdout } = await cli.run("exec", "w", "--json", "--", "echo out; exit 3");
    const document = JSON.parse(stdout) as { exit_code: number; stdout: string };
    assert.deepEqual([code, document.exit_code, document.stdout], [3, 3, "out\n"]);
  });

  it("exec passes any bytes in and out", async (test) => {
    if (!needsSandbox(test)) return;
    const bytes = randomBytes(300_000);
    await cli.runWithInput(bytes, "exec", "w", "--", "cat > bytes");
    const { code, stdoutBytes } = await cli.run("exec", "w", "--", "cat", "bytes");
    assert.equal(code, 0);
    assert.ok(stdoutBytes.equals(bytes));
  });

  it("exec's files stay in a workspace and vanish with an ephemeral disk", async (test) => {
    if (!needsSandbox(test)) return;
    await cli.run("exec", "w", "--", "echo kept > file");
    assert.equal((await cli.run("exec", "w", "--", "cat file")).stdout, "kept\n");
    assert.notEqual((await cli.run("exec", "--ephemeral", "--", "cat file")).code, 0);
  });

  it(
    "Ctrl-C reaches the command in the sandbox, and exec ends as it does",
    { timeout: 60_000 },
    async (test) => {
      if (!needsSandbox(test)) return;
      const seconds = `600.${randomInt(1e9)}`;
      const child = cli.start("exec", "w", "--no-stdin", "--", `echo started; sleep ${seconds}`);
      const outcome = outcomeOf(child);
      await new Promise<void>((started) => child.stdout?.once("data", () => started()));
      const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 20));
      // While dash starts a program the two share a memory, and a signal that meets them then is lost.
      while (processesWith(`sleep\0${seconds}`).length === 0) await later();
      child.kill("SIGINT");
      const { code, stderr } = await outcome;
      assert.deepEqual([code, stderr], [130, ""]);
      while (processesWith(seconds).length > 0) await later();
    },
  );

  it("exec whose reader goes away ends its command", async (test) => {
    if (!needsSandbox(test)) return;
    const child = cli.start("exec", "w", "--no-stdin", "--", "yes");
    const ended = new Promise((resolve) => child.on("close", resolve));
    child.stdout?.once("data", () => child.stdout?.destroy());
    assert.equal(await ended, 141);
  });

  it("says that the answer broke off when the server is killed", async (test) => {
    if (!needsSandbox(test)) return;
    const child = cli.start("exec", "w", "--no-stdin", "--", "echo started; sleep 600");
    const outcome = outcomeOf(child);
    await new Promise<void>((started) => child.stdout?.once("data", () => started()));
    running.child.kill("SIGKILL");
    const { code, stderr } = await outcome;
    assert.equal(code, 1);
    assert.match(stderr, /^error: the connection to .* broke off/);
    await running.outcome;

    // The key of the data directory is found again, although the address is another one.
    running = await serve();
    assert.equal(running.served.api_key, undefined);
    assert.equal((await cli.run("exec", "w", "--", "cat file")).stdout, "kept\n");
  });

  it("ends with 0 at SIGTERM, and leaves no process behind", async () => {
    running.child.kill("SIGTERM");
    const { code } = await running.outcome;
    assert.equal(code, 0);
    assert.equal((await cli.run("workspaces", "list")).code, 6);
    assert.deepEqual(processesWith(cli.directory), []);
  });
});

/** Ids of the processes whose command line holds `text`. */
function processesWith(text: string): string[] {
  return readdirSync("/proc").filter((id) => {
    if (!/^\d+$/.test(id)) return false;
    try {
      return readFileSync(`/proc/${id}/cmdline`, "utf8").includes(text);
    } catch {
      // It has ended meanwhile.
      return false;
    }
  });
}
