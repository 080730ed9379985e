import assert from "node:assert/strict";
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import test from "node:test";
import { pathToFileURL } from "node:url";
import { entryModule } from "../../src/engine/entry.js";
import { temporaryDirectory } from "../temporary.js";

test("a thread begins with the one file that holds all, unless something was compiled since", (t) => {
  const dist = temporaryDirectory(t);
  for (const folder of ["src", "src/engine", "src/threads"]) mkdirSync(`${dist}/${folder}`);
  const write = (path: string, seconds: number): void => {
    writeFileSync(`${dist}/${path}`, "");
    utimesSync(`${dist}/${path}`, seconds, seconds);
  };
  const chosen = (): string => {
    const url = entryModule("thread", pathToFileURL(`${dist}/src/engine/start-thread.js`).href);
    return url.pathname.slice(dist.length);
  };
  assert.equal(chosen(), "/src/engine/thread.js", "nothing else is there");
  write("src/threads/thread.js", 1000);
  assert.equal(chosen(), "/src/threads/thread.js", "a published package has no build information");
  write(".tsbuildinfo", 1000);
  assert.equal(chosen(), "/src/threads/thread.js");
  write(".tsbuildinfo", 1001);
  assert.equal(chosen(), "/src/engine/thread.js", "it may be another by now");
});
