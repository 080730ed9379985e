import type { Database } from "../db/database.js";
import type { AccountRow, CommandRow } from "../db/tables.js";
import { keptCommandLifetimeMs, keptCommandsMax, keptOutputBytesMax } from "../limits.js";
import { commandView, type CommandView } from "../schemas/command.js";
import type { ActiveSession } from "./active-session.js";
import { decodeOutput, encodeOutput } from "./kept-output.js";

/** A command whose session has ended, with the end of its output. */
export interface KeptCommand {
  view: CommandView;
  /** From `offset` on, as far as it is kept. */
  output: (offset: number) => ReturnType<typeof decodeOutput>;
}

/** Commands that ran in the background or in a terminal of sessions that have ended: a day long, the last of each account. */
export class KeptCommands {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Of a session that has ended. */
  async keep(session: ActiveSession): Promise<void> {
    const commands = session.commands().filter(({ output }) => output !== null);
    // The oldest first: that is the order in which they are forgotten.
    for (const command of commands.reverse()) {
      await command.ended;
      const { bytes: output, startOffset } =
        command.output === null
          ? { bytes: Buffer.alloc(0), startOffset: 0 }
          : encodeOutput(command.output, keptOutputBytesMax);
      const view = { ...commandView(command, session.id), output_dropped_bytes: startOffset };
      await this.#db.query
        .insertInto("commands")
        .values({
          id: command.id,
          account_id: session.account.id,
          session_id: session.id,
          kept_at: Date.now(),
          record: JSON.stringify(view),
          output,
        })
        .execute();
    }
    if (commands.length > 0) await this.#forgetOldest(session.account);
  }

  /** Newest first. */
  async list(account: AccountRow, sessionId: string): Promise<KeptCommand[]> {
    const rows = await this.#of(account).where("session_id", "=", sessionId).orderBy("seq", "desc").execute();
    return rows.map(kept);
  }

  async find(account: AccountRow, id: string): Promise<KeptCommand | undefined> {
    const row = await this.#of(account).where("id", "=", id).executeTakeFirst();
    return row === undefined ? undefined : kept(row);
  }

  async prune(nowMs: number): Promise<void> {
    await this.#db.query
      .deleteFrom("commands")
      .where("kept_at", "<", nowMs - keptCommandLifetimeMs)
      .execute();
  }

  #of(account: AccountRow) {
    return this.#db.query
      .selectFrom("commands")
      .selectAll()
      .where("account_id", "=", account.id)
      .where("kept_at", ">=", Date.now() - keptCommandLifetimeMs);
  }

  async #forgetOldest(account: AccountRow): Promise<void> {
    const oldest = await this.#of(account)
      .clearSelect()
      .select("seq")
      .orderBy("seq", "desc")
      .offset(keptCommandsMax)
      .limit(1)
      .executeTakeFirst();
    if (oldest === undefined) return;
    await this.#db.query
      .deleteFrom("commands")
      .where("account_id", "=", account.id)
      .where("seq", "<=", oldest.seq)
      .execute();
  }
}

function kept({ record, output }: CommandRow): KeptCommand {
  const view = JSON.parse(record) as CommandView;
  return { view, output: (offset) => decodeOutput(output, view.output_dropped_bytes ?? 0, offset) };
}
