import { readFileSync } from "node:fs";

/** A golden file of `fixtures/golden`, made by the generator of the same name. */
export function golden<Content>(name: string): Content {
  return JSON.parse(
    readFileSync(new URL(`../../../../fixtures/golden/${name}.json`, import.meta.url), "utf8"),
  ) as Content;
}
