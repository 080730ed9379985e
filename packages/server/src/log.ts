/** Where log lines go: a stream such as `process.stderr`. The library itself writes nowhere. */
export interface LogStream {
  write(line: string): unknown;
}

export interface Logger {
  info(event: string, fields?: Record<string, unknown>): void;
  error(event: string, error: unknown, fields?: Record<string, unknown>): void;
}

/**
 * One JSON object a line. Callers pass ids, codes, sizes and times only: never keys, headers, commands, environments
 * or file content. Control bytes are escaped, so that no field can forge a line or drive a terminal.
 */
export function createLogger(stream: LogStream | undefined): Logger {
  if (stream === undefined) return { info: () => {}, error: () => {} };
  const write = (level: string, event: string, fields: Record<string, unknown>): void => {
    const line = JSON.stringify({ at: new Date().toISOString(), level, event, ...fields });
    stream.write(escapeControls(line) + "\n");
  };
  return {
    info: (event, fields = {}) => write("info", event, fields),
    error: (event, error, fields = {}) => write("error", event, { ...fields, ...describe(error) }),
  };
}

function describe(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { error: String(error) };
  const cause = error.cause === undefined ? {} : { cause: describe(error.cause) };
  return { error: error.message, name: error.name, stack: error.stack, ...cause };
}

/** JSON leaves DEL and the C1 controls as they are; a terminal obeys them. */
function escapeControls(line: string): string {
  return line.replace(/[\u007f-\u009f]/g, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
}
