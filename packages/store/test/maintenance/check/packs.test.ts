import { readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { describe } from "node:test";
import { finds, forgePack } from "../forged.js";

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  const place = at < 0 ? bytes.length + at : at;
  bytes[place] = (bytes[place] as number) ^ 1;
  writeFileSync(path, bytes);
}

/** Only damage that makes content unreadable touches a snapshot; a forged pack has another name, so that its content is found. */
const touching = { snapshots: ["whole"] };

describe("of packs, a check finds", () => {
  finds({
    "that one is missing": [
      ({ dataPack }) => rmSync(dataPack),
      { code: "pack_missing", object: /^packs\//, ...touching },
    ],
    "that one is cut short": [
      ({ dataPack }) => truncateSync(dataPack, 1000),
      { code: "pack_damaged", object: /^packs\//, ...touching },
    ],
    "a flipped bit in its header": [
      ({ dataPack }) => flip(dataPack, 13),
      { code: "pack_damaged", ...touching },
    ],
    "a flipped bit in its tables": [
      ({ dataPack }) => flip(dataPack, -80),
      { code: "pack_damaged", message: /do not match the pack id/, ...touching },
    ],
    "an unknown version": [
      ({ dataPack }) => flip(dataPack, 8),
      { code: "pack_damaged", message: /version/, ...touching },
    ],
    "a flipped bit in a frame": [
      ({ dataPack }) => flip(dataPack, 5000),
      { code: "frame_damaged", message: /frame 0/, ...touching },
    ],
    "one under the name of another": [
      ({ dataPack, root }) => renameSync(dataPack, `${root}/packs/${"ab".repeat(32)}.pack`),
      { code: "pack_damaged", object: `packs/${"ab".repeat(32)}.pack`, ...touching },
    ],
    "a gap between frames": [
      ({ dataPack }) =>
        void forgePack(dataPack, ({ frames }) => {
          const [first] = frames;
          if (first !== undefined) first.offset += 1;
        }),
      { code: "pack_damaged", message: /out of place/, ...touching },
    ],
    "a gap before the tables": [
      ({ dataPack }) => void forgePack(dataPack, () => undefined, Buffer.from("gap")),
      { code: "pack_damaged", message: /do not end where/, ...touching },
    ],
    "an object outside its frame": [
      ({ treePack }) =>
        void forgePack(treePack, ({ chunks }) => {
          const [first] = chunks;
          if (first !== undefined) first.offset += 1_000_000;
        }),
      { code: "pack_damaged", message: /outside its frame/, ...touching },
    ],
    "an object that stands in it twice": [
      ({ treePack }) =>
        void forgePack(treePack, ({ chunks }) => {
          const [first] = chunks;
          if (first !== undefined) chunks.push({ ...first });
        }),
      { code: "pack_damaged", message: /not in order/, ...touching },
    ],
    "a frame in an encoding that is not known": [
      ({ dataPack }) =>
        void forgePack(dataPack, ({ frames }) => {
          for (const frame of frames) frame.codec = 7;
        }),
      { code: "frame_damaged", message: /codec 7/, ...touching },
    ],
    "a frame that declares another length than the tables": [
      ({ treePack }) =>
        void forgePack(treePack, ({ frames }) => {
          const [first] = frames;
          if (first !== undefined) first.plainBytes += 1;
        }),
      { code: "frame_damaged", message: /length/, ...touching },
    ],
    "an object that is not what its id says": [
      ({ treePack }) =>
        void forgePack(treePack, ({ chunks }) => {
          const [first, second] = chunks;
          if (first !== undefined && second !== undefined) first.length -= 1;
        }),
      { code: "chunk_damaged", message: /has other content/, ...touching },
    ],
  });
});
