import { newStaging, receive, removeStaging, sandboxPath, type WriteOptions } from "@chaser/runtime";
import type { Database } from "../db/database.js";
import type { Logger } from "../log.js";
import type { ActiveSession } from "./active-session.js";

/**
 * Takes files into sessions. Until a file is whole it stands beside its place under a name of its own, which is written down
 * first: when the session or the server ends meanwhile, nobody is left to remove it, so the workspace's next session does.
 */
export class Uploads {
  readonly #db: Database;
  readonly #log: Logger;

  constructor(db: Database, log: Logger) {
    this.#db = db;
    this.#log = log;
  }

  /** Gives the number of bytes. Errors as the runtime's `receive`. */
  async take(session: ActiveSession, options: Omit<WriteOptions, "staging">): Promise<number> {
    const upload = { staging: newStaging(), path: sandboxPath(options.path) };
    const { workspaceId } = session;
    // What is left in an ephemeral session goes with its disk.
    if (workspaceId !== null)
      await this.#db.query
        .insertInto("uploads")
        .values({ ...upload, workspace_id: workspaceId })
        .execute();
    let isCommitted = false;
    try {
      const received = await receive((spec) => session.start(spec), { ...options, ...upload });
      await received.commit();
      isCommitted = true;
      return received.bytes;
    } finally {
      if (workspaceId !== null) {
        if (isCommitted) await this.#forget(upload.staging);
        // In a session that ends it fails, and is for the next one to do.
        else await this.#remove(session, upload).catch(() => undefined);
      }
    }
  }

  /** Removes what uploads into a workspace left, in a session that has just started. Never rejects. */
  async removeLeftovers(session: ActiveSession): Promise<void> {
    const left = await this.#db.query
      .selectFrom("uploads")
      .select(["staging", "path"])
      .where("workspace_id", "=", session.workspaceId ?? "")
      .execute();
    for (const upload of left)
      try {
        await this.#remove(session, upload);
      } catch (error) {
        this.#log.error("upload_left", error, { workspace_id: session.workspaceId });
      }
  }

  async #remove(session: ActiveSession, upload: { staging: string; path: string }): Promise<void> {
    await removeStaging((spec) => session.start(spec), upload);
    await this.#forget(upload.staging);
  }

  async #forget(staging: string): Promise<void> {
    await this.#db.query.deleteFrom("uploads").where("staging", "=", staging).execute();
  }
}
