import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { formatProperties, formatTable } from "../../src/output/table.js";

describe("formatTable", () => {
  it("aligns columns by what they look like, figures to the right, no space at the end", () => {
    const rows = [
      { name: "日本", size: "5 B" },
      { name: "plain-name", size: "12.3 MB" },
    ];
    const table = formatTable(
      [
        { title: "NAME", value: (row) => row.name },
        { title: "SIZE", align: "right", value: (row) => row.size },
      ],
      rows,
    );
    assert.equal(table, "NAME           SIZE\n日本            5 B\nplain-name  12.3 MB\n");
  });

  it("makes cells safe, so that no name forges a line", () => {
    const table = formatTable([{ title: "NAME", value: (row: string) => row }], ["a\nb\u001b[31m"]);
    assert.equal(table, "NAME\na\\nb\\x1b[31m\n");
  });
});

describe("formatProperties", () => {
  it("leaves out what has no value", () => {
    assert.equal(
      formatProperties([
        ["name", "x"],
        ["image", null],
        ["a longer one", "y"],
      ]),
      "name          x\na longer one  y\n",
    );
  });
});
