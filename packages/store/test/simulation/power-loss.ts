/**
 * What a power cut may leave of a disk: of the changes of names that no sync has covered any subset, and of each file not
 * synced its old content, its new content, the first part of the new, or the new length filled with zeros, whatever became
 * of its name. This is more than any journaling filesystem does, and what POSIX allows.
 */
import type { Random } from "../random.js";
import {
  bodyOf,
  changedEntries,
  type Body,
  type Entries,
  type Inode,
  type InodeNumber,
  type NameChange,
} from "./inode.js";
import { rootInode, type Moment } from "./memory-disk.js";

export type Fate = "kept" | "lost" | "torn" | "zeroed";
const fates: readonly Fate[] = ["kept", "lost", "torn", "zeroed"];

export interface Outcome {
  description: string;
  moment: Moment;
}

/** The outcomes at a moment, those that look alike only once: the extremes, each single change lost or kept, and random ones. */
export function outcomes(moment: Moment, random: Random, randomCount: number): Outcome[] {
  const found = new Map<string, Outcome>();
  const { pending } = moment;
  const add = (description: string, survives: (n: number) => boolean, fate: () => Fate): void => {
    const left = afterPowerLoss(moment, withOrder(moment, survives), fate);
    const key = fingerprint(left);
    if (!found.has(key)) found.set(key, { description, moment: left });
  };
  for (const fate of fates) {
    add(
      `all names, content ${fate}`,
      () => true,
      () => fate,
    );
    add(
      `no names, content ${fate}`,
      () => false,
      () => fate,
    );
  }
  pending.forEach((change, n) => {
    add(
      `all but ${describeChange(change)}`,
      (other) => other !== n,
      () => "kept",
    );
    add(
      `only ${describeChange(change)}`,
      (other) => other === n,
      () => "lost",
    );
  });
  for (let n = 0; n < randomCount; n++) {
    const share = random.word() / 0x1_0000_0000;
    add(
      `random outcome ${n}`,
      () => random.chance(share),
      () => random.pick(fates),
    );
  }
  return [...found.values()];
}

/** Without a power cut: all that was done is there. */
export function settled(moment: Moment): Moment {
  return afterPowerLoss(moment, moment.pending, () => "kept");
}

function describeChange({ operation, removed, added }: NameChange): string {
  return [operation, removed?.name, added?.name].filter((part) => part !== undefined).join(" ");
}

/** A directory has one name: where a later change of it survives, so do those before it. */
function withOrder({ pending, inodes }: Moment, survives: (n: number) => boolean): NameChange[] {
  const surviving = pending.map((_, n) => survives(n));
  const later = new Set<InodeNumber>();
  for (let n = pending.length - 1; n >= 0; n--) {
    const change = pending[n] as NameChange;
    const inode = (change.added ?? change.removed)?.inode as InodeNumber;
    if (inodes.get(inode)?.type !== "directory") continue;
    if (later.has(inode)) surviving[n] = true;
    else if (surviving[n] === true) later.add(inode);
  }
  return pending.filter((_, n) => surviving[n]);
}

function afterPowerLoss(moment: Moment, surviving: readonly NameChange[], fate: () => Fate): Moment {
  const entriesOf = new Map<InodeNumber, Entries>();
  for (const change of surviving) {
    for (const directory of new Set([change.removed?.directory, change.added?.directory])) {
      if (directory === undefined) continue;
      const before = entriesOf.get(directory) ?? (moment.inodes.get(directory) as Inode).durableEntries;
      entriesOf.set(directory, changedEntries(before, directory, change));
    }
  }
  const inodes = new Map<InodeNumber, Inode>();
  const links = new Map<InodeNumber, number>();
  const visit = (number: InodeNumber): void => {
    if (inodes.has(number)) return;
    const inode = moment.inodes.get(number) as Inode;
    const body = bodyAfter(inode, fate);
    const entries = entriesOf.get(number) ?? inode.durableEntries;
    inodes.set(number, {
      ...inode,
      ...body,
      durable: body,
      entries,
      durableEntries: entries,
      spoiled: false,
    });
    for (const child of entries.values()) {
      links.set(child, (links.get(child) ?? 0) + 1);
      visit(child);
    }
  };
  visit(rootInode);
  for (const [number, count] of links) inodes.set(number, { ...(inodes.get(number) as Inode), links: count });
  return { ...moment, inodes, pending: [] };
}

const torn = new WeakMap<Buffer, Buffer>();
const zeroed = new WeakMap<Buffer, Buffer>();

function remembered(map: WeakMap<Buffer, Buffer>, content: Buffer, make: () => Buffer): Buffer {
  const known = map.get(content) ?? make();
  map.set(content, known);
  return known;
}

function bodyAfter(inode: Inode, fate: () => Fate): Body {
  const { durable, content } = inode;
  const present = bodyOf(inode);
  if (durable.metadata === present.metadata && durable.content === content) return durable;
  const kind = fate();
  if (kind === "kept") return inode.spoiled ? { ...present, content: halfOf(content) } : present;
  if (kind === "lost" || content === durable.content) return durable;
  if (kind === "torn") return { ...present, content: halfOf(content) };
  return { ...present, content: remembered(zeroed, content, () => withZeros(content, durable.content)) };
}

function halfOf(content: Buffer): Buffer {
  return remembered(torn, content, () => content.subarray(0, Math.floor(content.length / 2)));
}

/** The length is there, and what was written is not. */
function withZeros(content: Buffer, before: Buffer): Buffer {
  const left = Buffer.alloc(content.length);
  before.copy(left);
  return left;
}

const identities = new WeakMap<object, number>();
let nextIdentity = 0;

function identity(value: object): number {
  let known = identities.get(value);
  if (known === undefined) {
    known = nextIdentity += 1;
    identities.set(value, known);
  }
  return known;
}

/** Equal for moments that nobody can tell apart; values are immutable, so the same object is the same value. */
function fingerprint({ inodes }: Moment): string {
  return [...inodes]
    .map(([number, { metadata, content, entries }]) =>
      [number, identity(metadata), identity(content), ...[...entries].sort().flat()].join(","),
    )
    .sort()
    .join(";");
}
