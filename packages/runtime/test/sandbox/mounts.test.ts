import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { mountTable, overlayOptions, stateLayout, tmpfsOptions } from "../../src/sandbox/mounts.js";

const mount = {
  driver: "overlay" as const,
  layersDir: "/store/layers",
  lower: ["b", "a"],
  upper: "/store/disks/1/upper",
  work: "/store/disks/1/work",
};

describe("overlayOptions", () => {
  it("names everything relative to the layers", () => {
    assert.equal(
      overlayOptions(mount),
      "userxattr,lowerdir=b:a,upperdir=../disks/1/upper,workdir=../disks/1/work",
    );
  });

  it("fits a hundred layers into a page", () => {
    const lower = Array.from({ length: 100 }, (_, index) => `${"0".repeat(32)}${String(index)}`);
    assert.ok(overlayOptions({ ...mount, lower }).length < 4096);
  });

  it("refuses names that would read as something else", () => {
    for (const name of ["a,b", "a:b", "a\\b", 'a"b', "a\nb", ""]) {
      assert.throws(() => overlayOptions({ ...mount, lower: [name] }), { code: "invalid_argument" }, name);
      if (name !== "") {
        assert.throws(() => overlayOptions({ ...mount, upper: `/store/${name}` }), {
          code: "invalid_argument",
        });
      }
    }
    assert.throws(() => overlayOptions({ ...mount, lower: [] }), { code: "invalid_argument" });
  });
});

describe("stateLayout", () => {
  it("takes a plain directory where it is", () => {
    assert.equal(stateLayout("/s", { driver: "directory", path: "/d" }).disk, "/d");
    assert.equal(stateLayout("/s", mount).disk, "/s/disk");
  });
});

describe("tmpfsOptions", () => {
  it("bounds bytes and files", () => {
    assert.match(tmpfsOptions({ tmpBytes: 5, tmpInodes: 6 }), /size=5,nr_inodes=6$/);
  });
});

describe("mountTable", () => {
  const limits = { tmpBytes: 5, tmpInodes: 6 };

  it("has one line a mount, whatever is in a name", () => {
    const layout = stateLayout("/a b\tc\nd\\e#\"'\r/s", mount);
    const table = mountTable(layout, mount, null, limits);
    const state = "/a\\040b\\011c\\012d\\134e#\"'\\015/s";
    assert.deepEqual(
      table.split("\n").map((line) => line.split(" ").slice(0, 3)),
      [
        ["chaser", state, "tmpfs"],
        [`${state}/tmp`, `${state}/tmp`, "none"],
        [`${state}/shm`, `${state}/shm`, "none"],
        ["disk", `${state}/disk`, "overlay"],
        [""],
      ],
    );
  });

  it("leaves the disk for later where there is an image, whose layers are named from elsewhere", () => {
    const table = mountTable(stateLayout("/s", mount), mount, { layersDir: "/i", lower: ["0", "1"] }, limits);
    assert.match(table, /^root \/s\/root overlay X-mount.mkdir,userxattr,lowerdir=0:1,upperdir=upper,/m);
    assert.doesNotMatch(table, /^disk /m);
  });
});
