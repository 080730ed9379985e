import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { describe } from "node:test";
import { finds } from "../forged.js";

describe("of the names in a store, a check finds", () => {
  finds({
    "a directory that is missing": [
      ({ root }) => rmSync(`${root}/layers`, { recursive: true }),
      { code: "directory_missing", object: "layers" },
    ],
    "a file among the packs that is none": [
      ({ root }) => writeFileSync(`${root}/packs/readme`, ""),
      { code: "stray_file", object: "packs/readme" },
    ],
    "a file among the segments that is none": [
      ({ root }) => writeFileSync(`${root}/index/old.idx`, ""),
      { code: "stray_file", object: "index/old.idx" },
    ],
    "a file among the records that is none": [
      ({ root }) => writeFileSync(`${root}/snapshots/notes`, ""),
      { code: "stray_file", object: "snapshots/notes" },
    ],
    "a ref that has no ref's name": [
      ({ root }) => writeFileSync(`${root}/refs/snapshots/monday`, ""),
      { code: "stray_file", object: "refs/snapshots/monday" },
    ],
    "a ref that has no ref's name, of a disk": [
      ({ root, engine }) => {
        engine.disks.create({}, { id: "one" });
        engine.disks.snapshot({}, "one", {});
        writeFileSync(`${root}/refs/disks/one/monday`, "");
      },
      { code: "stray_file", object: "refs/disks/one/monday" },
    ],
    "a file where the refs of a disk should be": [
      ({ root }) => writeFileSync(`${root}/refs/disks/one`, ""),
      { code: "ref_damaged", object: "refs/disks/one" },
    ],
    "a directory among the disks that is none": [
      ({ root }) => mkdirSync(`${root}/disks/No Disk`),
      { code: "stray_file", object: "disks/No Disk" },
    ],
    "a directory among the layers that is none": [
      ({ root }) => mkdirSync(`${root}/layers/lost+found`),
      { code: "stray_file", object: "layers/lost+found" },
    ],
  });
});
