// Removes what the build made; with --all also the npm packages and the compiled native addons.
import { readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const { values } = parseArgs({ options: { all: { type: "boolean", default: false } } });
const { workspaces } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const targets = workspaces.map((folder) => join(folder, "dist"));
if (values.all) targets.push("node_modules", ".chaser-build");
for (const target of targets) rmSync(join(root, target), { recursive: true, force: true });
