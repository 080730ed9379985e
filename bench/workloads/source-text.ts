import type { Random } from "./random.js";

const keywords =
  "const let return if else for of function import export from await async class new this throw".split(" ");
const syllables =
  "ab re con tent pack tree in dex fra me sto co de node sha red lay er pa th na me ti on al va lue".split(
    " ",
  );

/**
 * Text that compresses about as well as source code does (zstd level 1 makes a quarter of it): a small vocabulary
 * of its own for every package, common words far more frequent than rare ones, indentation, and numbers.
 */
export class SourceText {
  readonly #random: Random;
  readonly #words: string[];

  constructor(random: Random, words: number) {
    this.#random = random;
    this.#words = Array.from({ length: words }, () => this.#makeWord());
  }

  #makeWord(): string {
    const count = 1 + this.#random.below(4);
    return Array.from({ length: count }, () => this.#random.pick(syllables)).join("");
  }

  #word(): string {
    if (this.#random.next() < 0.2) return this.#random.pick(keywords);
    // Squaring favours the front of the list, as a few names in a real file make up most of it.
    const place = Math.floor(this.#random.next() ** 2 * this.#words.length);
    return this.#words[place] ?? "";
  }

  #line(): string {
    const indent = "  ".repeat(this.#random.below(4));
    const words = Array.from({ length: 2 + this.#random.below(6) }, () => this.#word());
    const number = this.#random.next() < 0.1 ? ` = ${this.#random.below(100_000)}` : "";
    return `${indent}${words.join(this.#random.next() < 0.5 ? " " : ".")}${number};\n`;
  }

  /** Exactly so many bytes. */
  write(bytes: number): string {
    const lines: string[] = [];
    let written = 0;
    while (written < bytes) {
      const line = this.#line();
      lines.push(line);
      written += line.length;
    }
    return lines.join("").slice(0, bytes);
  }
}
