import { chmodSync, lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";

/** An empty directory that goes away with the test, whatever modes its content has by then. */
export function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "chaser-store-test-"));
  t.after(() => {
    openUp(directory);
    rmSync(directory, { recursive: true, force: true, maxRetries: 3 });
  });
  return directory;
}

/** Lets the owner into every directory below, so that they can be removed without privilege. */
function openUp(path: string | Buffer): void {
  if ((lstatSync(path).mode & 0o700) !== 0o700) chmodSync(path, 0o700);
  for (const entry of readdirSync(path, { withFileTypes: true, encoding: "buffer" })) {
    if (entry.isDirectory()) openUp(Buffer.concat([Buffer.from(path), Buffer.from("/"), entry.name]));
  }
}
