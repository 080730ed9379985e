import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { describe, it } from "node:test";
import type { StreamEvent } from "../../../src/client/events.js";
import { streamCommand } from "../../../src/commands/exec/stream.js";
import { CliError } from "../../../src/errors.js";

async function* stream(...events: [event: string, data: unknown][]): AsyncGenerator<StreamEvent> {
  for (const [event, data] of events) {
    await Promise.resolve();
    yield { event, data: typeof data === "string" ? data : JSON.stringify(data), id: "" };
  }
}

function base64(bytes: number[]): { data: string } {
  return { data: Buffer.from(bytes).toString("base64") };
}

const end = { exit_code: 3, signal: null, timed_out: false, duration_ms: 1, output_truncated: false };

describe("streamCommand", () => {
  it("writes every byte to its own stream and gives the end", async () => {
    const to = { stdout: new PassThrough(), stderr: new PassThrough() };
    const result = await streamCommand(
      stream(
        ["start", {}],
        ["stdout", base64([0, 255])],
        ["keepalive", {}],
        ["stderr", base64([10])],
        ["stdout", base64([254])],
        ["complete", end],
      ),
      to,
    );
    assert.deepEqual(result, end);
    assert.deepEqual(to.stdout.read(), Buffer.from([0, 255, 254]));
    assert.deepEqual(to.stderr.read(), Buffer.from([10]));
  });

  it("waits for a reader that is slow", async () => {
    const to = { stdout: new PassThrough({ highWaterMark: 1 }), stderr: new PassThrough() };
    let taken = 0;
    async function* counted(): AsyncGenerator<StreamEvent> {
      for await (const event of stream(
        ["stdout", base64([1, 2])],
        ["stdout", base64([3])],
        ["complete", end],
      )) {
        taken += 1;
        yield event;
      }
    }
    const running = streamCommand(counted(), to);
    await new Promise((later) => setImmediate(later));
    assert.equal(taken, 1);
    to.stdout.resume();
    await running;
    assert.equal(taken, 3);
  });

  it("fails when the stream ends without an end, with an error event, or with nonsense", async () => {
    const cases: [string, [string, unknown][]][] = [
      ["stream_ended", [["stdout", base64([1])]]],
      ["stream_ended", []],
      ["sandbox_unavailable", [["error", { error: { code: "sandbox_unavailable", message: "no" } }]]],
      ["bad_answer", [["error", "?"]]],
      ["bad_answer", [["complete", "?"]]],
    ];
    for (const [code, events] of cases) {
      const to = { stdout: new PassThrough(), stderr: new PassThrough() };
      await assert.rejects(
        streamCommand(stream(...events), to),
        (error) => error instanceof CliError && error.code === code && error.exitCode === 1,
        code,
      );
    }
  });
});
