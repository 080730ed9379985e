/** Pseudo-random values that a printed seed brings back. The generator is xorshift32, also used by `fixtures/generators`. */
export class Random {
  #state: number;

  constructor(readonly seed: number) {
    if (seed >>> 0 === 0) throw new RangeError("xorshift32 needs a seed other than 0");
    this.#state = seed >>> 0;
  }

  /** 32 bits. */
  word(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state;
  }

  /** From 0 to `end`, `end` not included. */
  below(end: number): number {
    return this.word() % end;
  }

  bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length);
    for (let n = 0; n < length; n++) bytes[n] = this.word() & 0xff;
    return bytes;
  }

  pick<Value>(values: readonly Value[]): Value {
    return values[this.below(values.length)] as Value;
  }

  chance(share: number): boolean {
    return this.word() / 0x1_0000_0000 < share;
  }
}

/** With `CI` set every run is the same, so that it judges the change and not the draw; all other runs explore. */
const seedOfCi = 20_261_123;

/** A seed of the present run, or the one that `CHASER_TEST_SEED` asks for. */
export function seedOfRun(): number {
  const wanted = Number(process.env["CHASER_TEST_SEED"] ?? 0);
  if (wanted > 0) return wanted;
  return process.env["CI"] === "true" ? seedOfCi : (Date.now() % 0x7fff_ffff) + 1;
}

/** Text that compresses and repeats like prose: words of a list in a pseudo-random order. */
export function wordyText(random: Random, words: readonly string[], length: number): Buffer {
  let text = "";
  while (text.length < length) text += random.pick(words) + (random.chance(0.1) ? "\n" : " ");
  return Buffer.from(text.slice(0, length), "latin1");
}
