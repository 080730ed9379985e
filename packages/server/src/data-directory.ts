import { chmod, mkdir, open, type FileHandle } from "node:fs/promises";
import path from "node:path";
import { flockSync } from "fs-ext";

/** Where everything is kept, and the lock that keeps a second server out. */
export interface DataDirectory extends AsyncDisposable {
  readonly databaseFile: string;
  readonly runDirectory: string;
  /** Of all accounts, and billed to none. */
  readonly imagesDirectory: string;
  accountDirectory(accountId: string): string;
  /** Idempotent. Lets another server take the directory. */
  release(): Promise<void>;
}

/** Another server holds the directory. */
export class DataDirectoryInUseError extends Error {
  override readonly name = "DataDirectoryInUseError";
  readonly code = "data_directory_in_use";
}

/**
 * Makes and locks the data directory. The kernel frees the lock when its holder dies, however it dies.
 *
 * An ordinary user's server keeps everything to itself (0700). A root server's accounts each have a host user of their
 * own who must be able to pass through to its directory, so the directories above may be searched (0711), not listed.
 */
export async function openDataDirectory(directory: string, asRoot: boolean): Promise<DataDirectory> {
  const root = path.resolve(directory);
  const passage = asRoot ? 0o711 : 0o700;
  await makeDirectory(root, passage);
  const lock = await takeLock(path.join(root, "lock"), root);
  const accounts = path.join(root, "accounts");
  const run = path.join(root, "run");
  const meta = path.join(root, "meta");
  try {
    await makeDirectory(accounts, passage);
    await makeDirectory(run, passage);
    await makeDirectory(meta, 0o700);
  } catch (error) {
    await lock.close();
    throw error;
  }

  let released: Promise<void> | undefined;
  const release = (): Promise<void> => (released ??= lock.close());
  return {
    databaseFile: path.join(meta, "chaser.sqlite"),
    runDirectory: run,
    imagesDirectory: path.join(root, "images"),
    accountDirectory: (accountId) => path.join(accounts, accountId),
    release,
    [Symbol.asyncDispose]: release,
  };
}

/** The mode is set explicitly because `mkdir` obeys the umask, and because the directory may be older than the rule. */
async function makeDirectory(directory: string, mode: number): Promise<void> {
  await mkdir(directory, { recursive: true, mode });
  await chmod(directory, mode);
}

async function takeLock(file: string, directory: string): Promise<FileHandle> {
  const handle = await open(file, "a", 0o600);
  try {
    flockSync(handle.fd, "exnb");
    return handle;
  } catch (error) {
    await handle.close();
    throw new DataDirectoryInUseError(`another server is using ${directory}`, { cause: error });
  }
}
