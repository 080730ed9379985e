// The part of the build that follows the compiler; see `setup/bundle.mjs`.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "./setup/bundle.mjs";

await bundle(join(dirname(fileURLToPath(import.meta.url)), ".."));
