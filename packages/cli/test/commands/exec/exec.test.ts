import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, openSync, writeFileSync } from "node:fs";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { probe, startServer, type RunningServer } from "@chaser/server";
import { cliFile, outcomeOf, prepareCli, type Outcome } from "../../spawned-cli.js";

const missing = (await probe()).find(({ ok, name }) => !ok && name === "sandbox session");

describe(
  "chaser exec, shell and logs",
  { skip: missing === undefined ? false : `no sandbox on this machine: ${missing.detail}` },
  () => {
    const cli = prepareCli();
    let server: RunningServer;
    const at = (name: string): string => path.join(cli.directory, name);

    before(async () => {
      chmodSync(cli.directory, 0o711);
      server = await startServer({ dataDirectory: at("data"), listen: { host: "127.0.0.1", port: 0 } });
      cli.env["CHASER_API_URL"] = server.url;
      cli.env["CHASER_API_KEY"] = server.apiKey;
      await cli.json("workspaces", "create", "--name", "w");
    });
    after(async () => {
      await server.close();
      cli.remove();
    });

    /** In a terminal of `script`'s, which shows what it shows, and types what is written to it. */
    const inTerminal = (...args: string[]): ChildProcess =>
      spawn(
        "script",
        ["-qefc", [process.execPath, cliFile, ...args].map((word) => `'${word}'`).join(" "), "/dev/null"],
        { env: { ...cli.env, SHELL: "/bin/sh" }, cwd: cli.directory },
      );

    /** Waits until what a process printed has `text` in it. */
    const printed = (child: ChildProcess, text: string): Promise<void> =>
      new Promise((resolve, reject) => {
        let seen = "";
        child.stdout?.on("data", (piece: Buffer) => {
          seen += piece.toString();
          if (seen.includes(text)) resolve();
        });
        child.once("close", () => reject(new Error(`ended without ${text}: ${seen}`)));
      });

    const call = async (method: string, route: string, body?: unknown): Promise<any> => {
      const response = await fetch(server.url + route, {
        method,
        headers: { authorization: `Bearer ${server.apiKey ?? ""}`, "content-type": "application/json" },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      });
      return response.json();
    };

    /** Waits until a program of this name runs in the workspace's session. */
    const running = async (name: string): Promise<void> => {
      const command = `pgrep -x ${name}`;
      while ((await call("POST", "/v1/exec", { workspace: "w", command })).exit_code !== 0);
    };

    it("streams a file of any size into a command, and --json does, too", async () => {
      const bytes = randomBytes(5_000_000);
      writeFileSync(at("big"), bytes);
      const hash = createHash("sha256").update(bytes).digest("hex");
      const run = (...args: string[]): Promise<Outcome> =>
        outcomeOf(
          spawn(process.execPath, [cliFile, ...args], {
            env: cli.env,
            stdio: [openSync(at("big"), "r"), "pipe", "pipe"],
          }),
        );
      const { code, stdout, stderr } = await run("exec", "w", "--", "sha256sum");
      assert.deepEqual([code, stdout, stderr], [0, `${hash}  -\n`, ""]);
      const json = await run("exec", "w", "--json", "--", "wc -c; echo e >&2; exit 3");
      const result = JSON.parse(json.stdout) as Record<string, unknown>;
      assert.deepEqual(
        [json.code, result["exit_code"], result["stdout"], result["stderr"]],
        [3, 3, "5000000\n", "e\n"],
      );
      const [{ id }] = await call("GET", "/v1/sessions");
      assert.equal(result["session_id"], id);
    });

    it("gives input to a command as it comes, and ends with it though more could come", async () => {
      const child = cli.start("exec", "w", "--", "read a; echo got $a; read b; echo and $b");
      const outcome = outcomeOf(child);
      child.stdin?.on("error", () => undefined);
      child.stdin?.write("one\n");
      await printed(child, "got one");
      child.stdin?.write("two\nnobody reads this\n");
      const { code, stdout, stderr } = await outcome;
      assert.deepEqual([code, stdout, stderr], [0, "got one\nand two\n", ""]);
    });

    it("ends with 130 at Ctrl-C, also while it reads input, and tears nothing", async () => {
      for (const [program, ...json] of [["cat"], ["tee", "--json"]] as const) {
        const child = cli.start("exec", "w", ...json, "--", `echo whole >&2; ${program}; sleep 600`);
        const outcome = outcomeOf(child);
        child.stdin?.on("error", () => undefined);
        child.stdin?.write("typed\n");
        if (json.length === 0) await printed(child, "typed");
        else await running(program);
        child.kill("SIGINT");
        const { code, stdout, stderr } = await outcome;
        assert.equal(code, 130);
        if (json.length === 0) assert.deepEqual([stdout, stderr], ["typed\n", "whole\n"]);
        else assert.equal((JSON.parse(stdout) as { exit_code: number }).exit_code, 130);
      }
    });

    it("leaves a command in the background, whose log can be read, followed, and read when its session is gone", async () => {
      const started = await cli.run("exec", "w", "-d", "--", "echo out; echo err >&2; sleep 0.2; exit 3");
      const id = started.stdout.trim();
      assert.match(id, /^[0-9a-f-]{36}$/);
      const followed = await cli.run("logs", "-f", id);
      assert.deepEqual([followed.code, followed.stdout, followed.stderr], [3, "out\n", "err\n"]);
      const endless = (await cli.run("exec", "w", "-d", "--", "echo x; sleep 600")).stdout.trim();
      const follower = cli.start("logs", "-f", endless);
      const outcome = outcomeOf(follower);
      await printed(follower, "x");
      await call("POST", "/v1/sessions/bulk-terminate", { all: true });
      assert.equal((await outcome).code, 137);

      for (const [args, expected] of [
        [
          ["logs", id],
          [0, "out\n", "err\n"],
        ],
        [
          ["logs", "-f", id],
          [3, "out\n", "err\n"],
        ],
        [
          ["logs", "-f", endless],
          [137, "x\n", ""],
        ],
      ] as const) {
        const { code, stdout, stderr } = await cli.run(...args);
        assert.deepEqual([code, stdout, stderr], expected);
      }
      for (const [args, code] of [
        [["logs", "--json", id], 0],
        [["logs", "-f", "--json", id], 3],
      ] as const) {
        const answer = await cli.run(...args);
        assert.equal(answer.code, code);
        const events = answer.stdout.trimEnd().split("\n");
        const { event, exit_code } = JSON.parse(events.at(-1) ?? "") as Record<string, unknown>;
        assert.deepEqual([event, exit_code], ["complete", 3]);
      }
      assert.equal((await cli.run("logs", "nothing")).code, 3);
    });

    it("gives a terminal with -t, with its variables, its time and its exit code", async () => {
      const child = inTerminal(
        "exec",
        "w",
        "-t",
        "--env",
        "A=b c",
        "--",
        'tty; stty size; echo "<$A>"; read x; exit 7',
      );
      const outcome = outcomeOf(child);
      await printed(child, "<b c>");
      child.stdin?.write("\n");
      const { code, stdout } = await outcome;
      assert.match(stdout, /\/dev\/(pts\/\d+|console)\r\n24 80\r\n<b c>/);
      assert.equal(code, 7);
      const late = await outcomeOf(
        inTerminal("exec", "--ephemeral", "-t", "--timeout", "0.3", "--", "sleep", "600"),
      );
      assert.equal(late.code, 124);
    });

    it("opens a shell in which Ctrl-C is typed, not obeyed", async () => {
      const child = inTerminal("shell", "w");
      const outcome = outcomeOf(child);
      await printed(child, "$ ");
      child.stdin?.write("sleep 600; echo after\n");
      await running("sleep");
      child.stdin?.write("\x03");
      child.stdin?.write("echo st$((1 + 1))ll; exit 5\n");
      const { code, stdout } = await outcome;
      assert.match(stdout, /st2ll\r\n/);
      assert.equal(code, 5);
      assert.equal((await outcomeOf(inTerminal("shell", "w", "-c", "exit 4"))).code, 4);
    });

    it("refuses a terminal where there is none, and options that contradict each other", async () => {
      assert.match((await cli.run("shell", "w")).stderr, /not a terminal/);
      assert.equal((await cli.run("exec", "w", "-t", "--", "true")).code, 2);
      assert.equal((await cli.run("exec", "w", "-t", "-d", "--", "true")).code, 2);
    });
  },
);
