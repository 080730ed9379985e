import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { describe } from "node:test";
import { encodeSealed } from "../../../src/disk/sealed-json.js";
import { finds, type DamagedStore } from "../forged.js";

/** A disk `one` on two layers; breaks what `path` names, relative to the store. */
const withDisk = (breakIt: (made: DamagedStore & { layers: string[] }) => void) => {
  return (made: DamagedStore): void => {
    const { engine, root } = made;
    engine.disks.create({}, { id: "one" });
    for (const name of ["first", "second"]) {
      const mount = engine.disks.attach({}, "one");
      if (mount.driver === "overlay") writeFileSync(`${mount.upper}/${name}`, name);
      engine.disks.detach({}, "one");
      engine.disks.snapshot({}, "one", { name });
    }
    const layers = readdirSync(`${root}/layers`)
      .filter((name) => name !== "empty")
      .map((name) => `${root}/layers/${name}`);
    breakIt({ ...made, layers });
  };
};

/** Makes a description say something else, with a digest that is right. */
function edit(path: string, change: (value: Record<string, unknown>) => void): void {
  const {
    version: _version,
    digest: _digest,
    ...fields
  } = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  change(fields);
  writeFileSync(path, encodeSealed(fields));
}

const parentOf = (layer: string): unknown =>
  (JSON.parse(readFileSync(`${layer}/layer.json`, "utf8")) as { parent: unknown }).parent;
const bottom = (layers: string[]): string => layers.find((layer) => parentOf(layer) === null) as string;

describe("of disks, a check finds", () => {
  finds({
    "one without a description": [
      withDisk(({ root }) => rmSync(`${root}/disks/one/disk.json`)),
      { code: "disk_damaged", object: "disks/one", message: /no description/ },
    ],
    "a description that is none": [
      withDisk(({ root }) => writeFileSync(`${root}/disks/one/disk.json`, "{}")),
      { code: "disk_damaged", object: "disks/one" },
    ],
    "a description of another disk": [
      withDisk(({ root }) => edit(`${root}/disks/one/disk.json`, (disk) => (disk["id"] = "two"))),
      { code: "disk_damaged", object: "disks/one" },
    ],
    "a description that one bit is wrong of": [
      withDisk(({ root }) => {
        const path = `${root}/disks/one/disk.json`;
        const text = readFileSync(path, "utf8");
        writeFileSync(
          path,
          text.replace(
            /("createdAtMs": \d*)(\d)/,
            (_, head: string, last: string) => `${head}${Number(last) ^ 1}`,
          ),
        );
      }),
      { code: "disk_damaged", message: /does not match its digest/ },
    ],
    "a generation that is missing": [
      withDisk(({ root }) => {
        const [generation] = readdirSync(`${root}/disks/one`).filter((name) => name.startsWith("u"));
        rmSync(`${root}/disks/one/${generation}/files`, { recursive: true });
      }),
      { code: "disk_damaged", object: "disks/one", message: /generation u\d+ of disk one is missing/ },
    ],
    "a work directory that is missing": [
      withDisk(({ root }) => {
        const [generation] = readdirSync(`${root}/disks/one`).filter((name) => name.startsWith("u"));
        rmSync(`${root}/disks/one/${generation}/work`, { recursive: true });
      }),
      { code: "disk_damaged", object: "disks/one", message: /work directory/ },
    ],
    "a plain disk that stands on a layer": [
      withDisk(({ root }) => edit(`${root}/disks/one/disk.json`, (disk) => (disk["driver"] = "directory"))),
      { code: "disk_damaged", object: "disks/one", message: /plain disk one stands on a layer/ },
    ],
    "something in the empty layer, which every disk would show": [
      withDisk(({ root }) => {
        mkdirSync(`${root}/layers/empty/files`, { recursive: true });
        writeFileSync(`${root}/layers/empty/files/foreign`, "");
      }),
      { code: "layer_damaged", object: "layers/empty", message: /is not empty/ },
    ],
    "a layer that is missing": [
      withDisk(({ layers }) => rmSync(bottom(layers), { recursive: true })),
      { code: "disk_damaged", object: "disks/one", message: /layer \w+ is missing/ },
    ],
    "a layer that stands on itself": [
      withDisk(({ layers }) =>
        edit(`${bottom(layers)}/layer.json`, (layer) => (layer["parent"] = bottom(layers).slice(-12))),
      ),
      { code: "disk_damaged", object: "disks/one", message: /below itself/ },
    ],
    "a layer whose description is none": [
      withDisk(({ layers }) => writeFileSync(`${bottom(layers)}/layer.json`, "[]")),
      { code: "disk_damaged", object: "disks/one", message: /description of layer/ },
    ],
    "a layer without its files": [
      withDisk(({ layers }) => rmSync(`${bottom(layers)}/files`, { recursive: true })),
      { code: "layer_damaged", object: /^layers\/\w{12}$/, message: /files of layer/ },
    ],
  });
});
