import assert from "node:assert/strict";
import fs from "node:fs";
import { setTimeout } from "node:timers/promises";
import { test } from "node:test";
import { encodeLayer } from "../../src/disk/layer-file.js";
import { Layers } from "../../src/disk/layers.js";
import type { LayerId } from "../../src/ids.js";
import { layoutOf } from "../../src/layout.js";
import type { Files } from "../../src/platform/files.js";
import { linuxFiles } from "../../src/platform/linux.js";
import { withCode } from "../errors.js";
import { temporaryDirectory } from "../temporary.js";

const ids = ["aaaaaaaaaaaa", "bbbbbbbbbbbb", "cccccccccccc"] as LayerId[];
const [top, middle, bottom] = ids as [LayerId, LayerId, LayerId];
/** After so long a file's times say whether it has changed since. */
const settlingMs = 150;

function place(root: string, id: LayerId, parent: LayerId | null): void {
  fs.mkdirSync(`${root}/layers/${id}`, { recursive: true });
  fs.writeFileSync(`${root}/layers/${id}/layer.json`, encodeLayer({ parent, createdAtMs: 0 }));
}

test("the files of a stack are read once, and again when they have changed or are gone", async (t) => {
  const root = temporaryDirectory(t);
  place(root, top, middle);
  place(root, middle, bottom);
  place(root, bottom, null);
  let opened = 0;
  const files: Files = {
    ...linuxFiles,
    open: (...call) => {
      opened += 1;
      return linuxFiles.open(...call);
    },
  };
  const layers = new Layers(files, layoutOf(root));
  const openedBy = (run: () => void): number => {
    opened = 0;
    run();
    return opened;
  };
  await setTimeout(settlingMs);
  assert.equal(
    openedBy(() => assert.deepEqual(layers.stack(top), ids)),
    3,
  );
  assert.equal(
    openedBy(() => assert.deepEqual(layers.stack(top), ids)),
    0,
  );
  place(root, middle, null);
  assert.deepEqual(layers.stack(top), [top, middle]);
  fs.rmSync(`${root}/layers/${middle}`, { recursive: true });
  assert.throws(() => layers.stack(top), withCode("corrupt"));
});
