/**
 * Runs in a mount namespace. A mounted disk must show what a plain directory shows, its twin; then operations are done on
 * the disk and, one after the other, on the twin. Whether these agree is for the next mount to say: overlayfs may show
 * other inode numbers for what was linked since it was mounted. Arguments: the disk, the twin, a file with operations as JSON.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import process from "node:process";
import { manifest } from "../manifest.js";
import type { NumberedOperation } from "./operations.js";
import { perform } from "./perform.js";

const [disk, twin, operationsFile] = process.argv.slice(2) as [string, string, string];

/** With all attributes, also those that look like marks. */
function shown(directory: string): string[] {
  process.chdir(directory);
  const attributes = spawnSync("getfattr", ["-R", "-P", "-h", "-d", "-m", "^user\\.|^system\\.", "."], {
    encoding: "utf8",
    maxBuffer: 1 << 26,
  });
  assert.equal(attributes.status, 0, attributes.stderr);
  const lines = attributes.stdout.split("\n\n").map((lines) => lines.replaceAll("\n", " "));
  return [...manifest("."), ...lines.sort()];
}

function assertAlike(): void {
  const onTwin = new Set(shown(twin));
  const onDisk = shown(disk);
  const seen = new Set(onDisk);
  const differences = [
    ...onDisk.filter((line) => !onTwin.has(line)).map((line) => `disk: ${line}`),
    ...[...onTwin].filter((line) => !seen.has(line)).map((line) => `twin: ${line}`),
  ];
  assert.deepEqual(differences, []);
}

const operations = JSON.parse(fs.readFileSync(operationsFile, "utf8")) as NumberedOperation[];
assertAlike();
for (const operation of operations) {
  process.chdir(disk);
  const outcome = perform(operation, null);
  process.chdir(twin);
  const followed = perform(operation, outcome);
  const context = `${JSON.stringify(operation)}: ${JSON.stringify(outcome)}`;
  assert.equal(followed.errno, outcome.errno, context);
}
