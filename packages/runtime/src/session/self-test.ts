/** Tries from inside a session what it promises. */
import type { NetworkMode, SelfTestCheck, Session } from "../api.js";
import { capture } from "../exec/capture.js";
import { SANDBOX_HOME, SANDBOX_UID, SANDBOX_WORKSPACE } from "../sandbox/identity.js";

const CHECK_MS_MAX = 10_000;
const PROBE = ".chaser-self-test";

interface Outcome {
  exitCode: number;
  text: string;
}

type Check = (session: Session) => Promise<{ ok: boolean; detail: string }>;

async function run(session: Session, command: string): Promise<Outcome> {
  const { exitCode, output } = await capture(await session.exec({ command, timeoutMs: CHECK_MS_MAX }));
  return { exitCode, text: output.toString("utf8").trim() };
}

function expecting(command: string, good: string): Check {
  return async (session) => {
    const { exitCode, text } = await run(session, command);
    const ok = exitCode === 0;
    return { ok, detail: ok ? good : `exit code ${String(exitCode)}: ${text}` };
  };
}

/** Two of these at once must not meet in one file. */
function writable(directory: string): Check {
  const file = `${directory}/${PROBE}.$$`;
  const script = `trap 'rm -f ${file}' EXIT; echo kept > ${file} && [ "$(cat ${file})" = kept ]`;
  return expecting(script, `${directory} can be written and read`);
}

const terminal: Check = async (session) => {
  const opened = await session.openTerminal({
    command: "test -t 0 && test -t 1 && stty size < /dev/tty",
    size: { columns: 91, rows: 17 },
    timeoutMs: CHECK_MS_MAX,
  });
  await opened.ended;
  const text = opened.output?.read(0)?.bytes.toString("utf8").trim() ?? "";
  const ok = opened.result?.exitCode === 0 && text === "17 91";
  return { ok, detail: ok ? "a terminal can be opened" : `it was not the one that was opened: ${text}` };
};

/** `/proc/net/dev` has two lines of headings and one for each interface. */
const interfaces = "tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ' | sort | tr '\\n' ' '";
const networks: Record<NetworkMode, Check> = {
  none: async (session) => {
    const { text } = await run(session, interfaces);
    return {
      ok: text === "lo",
      detail: text === "lo" ? "none: loopback only" : `none, but there is ${text}`,
    };
  },
  nat: expecting(
    // The second field of a route is its destination: all zeroes is the way out.
    "cut -f2 /proc/net/route | grep -qx 00000000",
    "nat: there is a way out",
  ),
  host: async (session) => {
    const { text } = await run(session, interfaces);
    return { ok: true, detail: `host: ${text}` };
  },
};

const privileges: Check = async (session) => {
  const { text } = await run(
    session,
    "id -u; grep -hE '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr -s '\\t' ' '",
  );
  const none = "0".repeat(16);
  const wanted = `${String(SANDBOX_UID)} CapEff: ${none} CapBnd: ${none} NoNewPrivs: 1 Seccomp: 2`;
  const found = text.replaceAll("\n", " ");
  const ok = found === wanted;
  return { ok, detail: ok ? "no capability, no new privileges, system calls filtered" : found };
};

export async function selfTest(session: Session): Promise<SelfTestCheck[]> {
  const checks: Record<SelfTestCheck["name"], Check> = {
    command: expecting("true", "a command runs"),
    workspace: writable(SANDBOX_WORKSPACE),
    home: writable(SANDBOX_HOME),
    temporary: writable("/tmp"),
    terminal,
    privileges,
    network: networks[session.network],
  };
  return Promise.all(
    Object.entries(checks).map(async ([name, check]) => ({
      name: name as SelfTestCheck["name"],
      ...(await check(session).catch((error: unknown) => ({ ok: false, detail: (error as Error).message }))),
    })),
  );
}
