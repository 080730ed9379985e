import { readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { describe } from "node:test";
import { refFile } from "../../../src/snapshot/refs.js";
import { treeDigest } from "../../../src/snapshot/record.js";
import { finds, forgeSnapshot } from "../forged.js";

describe("of snapshots, a check finds", () => {
  finds({
    "a ref that holds no id": [
      ({ ref }) => writeFileSync(ref, "garbage"),
      { code: "ref_damaged", object: `refs/snapshots/${refFile("whole")}` },
    ],
    "a ref that names no record": [
      ({ ref }) => writeFileSync(ref, `${"ab".repeat(32)}\n`),
      { code: "record_missing", object: `snapshots/${"ab".repeat(32)}`, message: /named by refs\/snapshots/ },
    ],
    "a ref that names the record of another name": [
      ({ engine, source, root, ref }) => {
        const { id } = engine.directories.snapshot({}, source, { name: "other" }).snapshot;
        writeFileSync(ref, `${id}\n`);
        if (readdirSync(`${root}/snapshots`).length !== 2) throw new Error("two records are wanted");
      },
      { code: "ref_damaged", message: /names the record of other/ },
    ],
    "a ref under the name of another": [
      ({ root, ref }) => renameSync(ref, `${root}/refs/snapshots/${refFile("other")}`),
      { code: "ref_damaged", object: `refs/snapshots/${refFile("other")}` },
    ],
    "a ref of a disk that names the record of a plain directory": [
      ({ engine, root, ref }) => {
        engine.disks.create({}, { id: "one" });
        engine.disks.snapshot({}, "one", { name: "whole" });
        writeFileSync(`${root}/refs/disks/one/${refFile("whole")}`, readFileSync(ref));
      },
      { code: "ref_damaged", object: `refs/disks/one/${refFile("whole")}` },
    ],
    "a record that is missing": [
      ({ record }) => rmSync(record),
      { code: "record_missing", object: /^snapshots\// },
    ],
    "a record that is damaged": [
      ({ record }) => {
        const bytes = readFileSync(record);
        bytes[20] = (bytes[20] as number) ^ 1;
        writeFileSync(record, bytes);
      },
      { code: "record_unreadable", message: /does not match the id/ },
    ],
    "a record under the id of another": [
      ({ record, root, ref }) => {
        renameSync(record, `${root}/snapshots/${"ab".repeat(32)}`);
        writeFileSync(ref, `${"ab".repeat(32)}\n`);
      },
      { code: "record_unreadable", object: `snapshots/${"ab".repeat(32)}` },
    ],
    "a record that lies about its tree": [
      ({ engine, root }) => {
        const { tree, files, directories, logicalBytes } = engine.directories.getSnapshot({}, "whole");
        forgeSnapshot(root, "liar", () => ({
          tree: treeDigest(tree),
          sums: { files: files + 1, directories, logicalBytes },
        }));
      },
      { code: "tree_damaged", object: ".", message: /record has other sums/, snapshots: ["liar"] },
    ],
    "a record of a tree that is not there": [
      ({ root }) => {
        forgeSnapshot(root, "nothing", () => ({
          tree: Buffer.alloc(32, 7),
          sums: { files: 0, directories: 0, logicalBytes: 0 },
        }));
      },
      { code: "tree_damaged", object: ".", message: /is missing/, snapshots: ["nothing"] },
    ],
    "for a snapshot of a disk, which disk it is": [
      ({ engine, root }) => {
        engine.disks.create({}, { id: "one", directories: [{ path: "d", mode: 0o755 }] });
        const before = new Set(readdirSync(`${root}/packs`));
        engine.disks.snapshot({}, "one", { name: "first" });
        for (const name of readdirSync(`${root}/packs`))
          if (!before.has(name)) rmSync(`${root}/packs/${name}`);
      },
      { code: "tree_damaged", object: ".", snapshots: ["one@first"] },
    ],
  });
});
