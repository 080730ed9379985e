/**
 * What a durable snapshot cannot do without, done by hand: the changed files read, a pack and the small files written, the
 * filesystem synced, names given and synced, and then the one name that makes all of it visible. Nothing is hashed,
 * compressed, compared or locked. It says what of a snapshot's time is the disk's.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { linuxFiles as files, type Fd } from "@chaser/store/files";

const here: Fd = -100;
const folders = ["packs", "records", "refs", "layers", "disk", "disk/upper-0", "disk/upper-0/folder"];
const smallFileBytes = 200;
/** About what the nodes of two directories with 200 to 400 names take. */
const packBytes = 24_000;

export class ByHand {
  readonly #directory: string;
  readonly #changedFiles: number;
  #number = 0;

  constructor(directory: string, changedFiles: number) {
    this.#directory = directory;
    this.#changedFiles = changedFiles;
    mkdirSync(directory);
    for (const folder of folders) mkdirSync(`${directory}/${folder}`);
  }

  change(content: string): void {
    const folder = `${this.#directory}/disk/upper-${this.#number}/folder`;
    for (let n = 0; n < this.#changedFiles; n += 1) writeFileSync(`${folder}/file-${n}`, `${content}\n`);
  }

  snapshot(): void {
    const old = `disk/upper-${this.#number}`;
    this.#number += 1;
    const upper = `disk/upper-${this.#number}`;
    this.#read(`${old}/folder`);
    const staged = [
      this.#create("packs/new", packBytes),
      this.#create("records/new", smallFileBytes),
      this.#create("refs/new", smallFileBytes),
      this.#create("disk/new", smallFileBytes),
      this.#create(`${old}/layer`, smallFileBytes),
    ];
    for (const folder of [upper, `${upper}/folder`]) files.makeDirectory(here, this.#path(folder), 0o755);
    files.syncFilesystem(staged[0] as Fd);
    for (const fd of staged) files.close(fd);
    for (const folder of ["packs", "records"]) this.#rename(`${folder}/new`, `${folder}/${this.#number}`);
    this.#rename("disk/new", "disk/description");
    for (const folder of ["packs", "records", "disk"]) this.#sync(folder);
    this.#rename(old, `layers/${this.#number}`);
    this.#rename("refs/new", `refs/${this.#number}`);
    this.#sync("refs");
  }

  #path(name: string): string {
    return `${this.#directory}/${name}`;
  }

  #read(folder: string): void {
    const directory = files.open(here, this.#path(folder), { directory: true });
    for (const { name } of files.list(directory)) {
      const fd = files.open(directory, name);
      files.read(fd, Buffer.alloc(files.statOpen(fd).sizeBytes), 0);
      files.close(fd);
    }
    files.close(directory);
  }

  #create(name: string, bytes: number): Fd {
    const fd = files.open(here, this.#path(name), { access: "create" });
    files.write(fd, Buffer.alloc(bytes, 1), 0);
    return fd;
  }

  #rename(from: string, to: string): void {
    files.rename(here, this.#path(from), here, this.#path(to));
  }

  #sync(folder: string): void {
    const fd = files.open(here, this.#path(folder), { directory: true });
    files.sync(fd);
    files.close(fd);
  }
}
