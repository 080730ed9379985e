import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { accountFiles, type AccountFiles } from "../../src/image/account-files.js";

const passwd = `root:x:0:0:root:/root:/bin/bash
daemon:x:1:1::/:/bin/false
node:x:1000:1000::/home/node:/bin/bash
app:x:100:101:App:/srv/app:/bin/false
+@network::::::
broken
big:x:4294967396:1::/:/bin/sh
toor:x:0:0::/root:/bin/sh
bad name:x:7:7::/:/bin/sh
`;
const group = "root:x:0:\nnode:x:1000:\napp:x:101:node\nstaff:x:50:\n";

const of = (user: string | null, files = { passwd, group }): AccountFiles =>
  accountFiles(
    { passwd: Buffer.from(files.passwd), group: Buffer.from(files.group) },
    { user, shell: "/bin/bash" },
  );
const own = (name: string): string => `${name}:x:1000:1000:Chaser:/home/chaser:/bin/bash`;

describe("the accounts of an image", () => {
  it("have the sandbox's user, and the names that its number had", () => {
    const { passwd: made, group: groups, user } = of(null);
    assert.equal(user, "chaser");
    assert.deepEqual(made.split("\n").slice(0, 3), [
      own("chaser"),
      own("node"),
      "root:x:0:0:root:/root:/bin/bash",
    ]);
    assert.deepEqual(groups.split("\n"), [
      "chaser:x:1000:",
      "node:x:1000:",
      "root:x:0:",
      "app:x:101:node",
      "staff:x:50:",
      "",
    ]);
  });

  for (const [user, name, groupName] of [
    ["node", "node", "node"],
    ["1000", "node", "node"],
    ["app", "app", "app"],
    ["100", "app", "app"],
    ["app:staff", "app", "staff"],
    ["100:50", "app", "staff"],
    ["app:0", "app", "chaser"],
    ["app:none", "app", "chaser"],
  ] as const) {
    it(`are called as the image's user ${user}`, () => {
      const made = of(user);
      assert.equal(made.user, name);
      assert.equal(made.passwd.split("\n")[0], own(name));
      assert.equal(made.passwd.split("\n").filter((line) => line.startsWith(`${name}:`)).length, 1);
      assert.equal(made.group.split("\n")[0], `${groupName}:x:1000:`);
      assert.ok(made.passwd.includes(`\n${own("chaser")}\n`));
    });
  }

  for (const user of [
    "root",
    "0",
    "00",
    "toor",
    "4294967296",
    "4294967295",
    "-1",
    "1e2",
    "0x64",
    " 100",
    "none",
    "big",
    "bad name",
    "7",
    "../../etc/passwd",
    "",
    ":app",
    "app\nroot",
    "__proto__",
  ]) {
    it(`are not changed by the user ${JSON.stringify(user)}`, () => {
      const made = of(user);
      assert.equal(made.user, "chaser");
      assert.equal(made.passwd, of(null).passwd);
    });
  }

  it("leave root its name, whatever number the image gives it", () => {
    const made = of("1000", { passwd: "root:x:1000:0::/:/bin/sh\n", group: "root:x:1000:\n" });
    assert.deepEqual(
      [made.user, made.passwd, made.group],
      ["chaser", `${own("chaser")}\n`, "chaser:x:1000:\n"],
    );
  });

  it("are there without any of the image's", () => {
    const made = accountFiles({ passwd: null, group: null }, { user: "app", shell: "/bin/bash" });
    assert.deepEqual(made, { user: "chaser", passwd: `${own("chaser")}\n`, group: "chaser:x:1000:\n" });
  });
});
