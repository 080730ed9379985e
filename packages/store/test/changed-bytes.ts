import type { Random } from "./random.js";

/** Numbers at which codecs err: ends of ranges, and lengths beyond what there is. */
const awkward = [
  "00",
  "7f",
  "80",
  "ff",
  "8000",
  "ffffffff",
  "ffffff7f",
  "00000080",
  "ffffffffffffff0f",
  "ff".repeat(9) + "01",
];

/** The bytes cut, with a part left out or twice, with a number that is awkward, or with one byte changed. */
export function changed(random: Random, bytes: Buffer): Buffer {
  const at = random.below(bytes.length);
  const to = Math.min(bytes.length, at + 1 + random.below(40));
  const [before, part, after] = [bytes.subarray(0, at), bytes.subarray(at, to), bytes.subarray(to)];
  switch (random.below(6)) {
    case 0:
      return before;
    case 1:
      return Buffer.concat([before, after]);
    case 2:
      return Buffer.concat([before, part, part, after]);
    case 3:
      return Buffer.concat([before, Buffer.from(random.pick(awkward), "hex"), bytes.subarray(at + 1)]);
    case 4: {
      const word = Buffer.from(random.pick(awkward), "hex");
      return Buffer.concat([before, word, bytes.subarray(at + word.length)]);
    }
    default: {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] as number) ^ (1 + random.below(255));
      return flipped;
    }
  }
}
