import assert from "node:assert/strict";
import { it } from "node:test";
import { dataDirectory } from "../../../src/commands/serve/data-directory.js";

it("the data directory is the one given, root's below /var/lib, else the user's own", () => {
  assert.equal(dataDirectory("/srv/x/", {}, true), "/srv/x");
  assert.equal(dataDirectory(undefined, { HOME: "/home/u" }, true), "/var/lib/chaser");
  assert.equal(dataDirectory(undefined, { HOME: "/home/u" }, false), "/home/u/.local/share/chaser");
  assert.equal(dataDirectory(undefined, { HOME: "/home/u", XDG_DATA_HOME: "/d" }, false), "/d/chaser");
});
