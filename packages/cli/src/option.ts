import { InvalidArgumentError } from "commander";

/** For an option that may be repeated: each use adds a value. */
export function collect(value: string, earlier: string[] = []): string[] {
  return [...earlier, value];
}

/** A number of seconds above zero, fractions allowed, as milliseconds. */
export function secondsToMs(text: string): number {
  const seconds = Number(text);
  if (text.trim() === "" || !Number.isFinite(seconds) || seconds <= 0)
    throw new InvalidArgumentError("it must be a number of seconds above 0.");
  return Math.max(1, Math.round(seconds * 1000));
}

/** A whole number from 1 to `max`. */
export function count(max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < 1 || value > max)
      throw new InvalidArgumentError(`it must be a whole number from 1 to ${max}.`);
    return value;
  };
}

/** A whole number of bytes from 0 on. */
export function bytes(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError("it must be a whole number of bytes.");
  return value;
}
