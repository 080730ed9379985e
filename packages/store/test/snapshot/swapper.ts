import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";

/**
 * Swaps a directory with a symlink as fast as it can, in a process of its own, until it is ended; then prints how often.
 * When the victim has replaced the symlink by something harmless, a new one is made.
 */
const program = `
import ctypes, os, signal, sys
libc = ctypes.CDLL(None)
victim, symlink, target = sys.argv[1:4]
swaps = 0
def end(*_):
    print(swaps, flush=True)
    os._exit(0)
signal.signal(signal.SIGTERM, end)
print("ready", flush=True)
while True:
    if libc.renameat2(-100, victim.encode(), -100, symlink.encode(), 2) == 0: swaps += 1
    if not os.path.islink(victim) and not os.path.islink(symlink):
        os.rename(symlink, symlink + ".%d" % swaps)
        os.symlink(target, symlink)
`;

export class Swapper {
  readonly #child: ChildProcess;
  #output = "";

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout?.on("data", (text: Buffer) => (this.#output += text.toString()));
  }

  /** `symlink` points to `target`, stands beside and is swapped with `victim`. */
  static async start(victim: string, symlink: string, target: string): Promise<Swapper> {
    const child = spawn("python3", ["-c", program, victim, symlink, target], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    const swapper = new Swapper(child);
    await once(child.stdout, "data");
    return swapper;
  }

  /** Ends it, and says how many swaps there were. */
  async stop(): Promise<number> {
    const ended = once(this.#child, "close");
    this.#child.kill("SIGTERM");
    await ended;
    return Number(this.#output.trim().split("\n").at(-1));
  }
}
