const REASON_LENGTH_MAX = 500;
const HIDDEN = "***";

/** What a server says of its work, which is no complaint. */
const REMOTE_WORK = /^remote: (Enumerating|Counting|Compressing|Total) /;

/** Every form in which a secret may come back from a server that was sent it. */
function formsOf(secret: string): string[] {
  const encoded = ["x-access-token:", ":", ""].map((user) => Buffer.from(user + secret).toString("base64"));
  return [secret, encodeURIComponent(secret), ...encoded, ...encoded.map((text) => text.replace(/=+$/, ""))];
}

/**
 * Why git failed, from what it printed: its last complaint, and what the server said before. Nothing that could move a cursor
 * is in it, and no secret.
 */
export function failureReason(lines: readonly string[], secret: string | null): string {
  const remote = lines.filter((line) => line.startsWith("remote: ") && !REMOTE_WORK.test(line)).slice(-2);
  const own = lines.filter((line) => /^(fatal|error): /.test(line)).slice(-2);
  // Another program than git may be what failed.
  const last = lines.filter((line) => line.trim() !== "" && !line.startsWith("remote: ")).slice(-1);
  const said = own.length + remote.length > 0 ? [...own, ...remote] : last;
  let text = said.map((line) => line.replace(/^(fatal|error): /, "").trim()).join("; ");
  if (secret !== null) for (const form of formsOf(secret)) text = text.replaceAll(form, HIDDEN);

  text = text.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "?").trim();
  text = text.replaceAll("/workspace/.chaser-import", "the workspace").slice(0, REASON_LENGTH_MAX);
  return text === "" ? "git gave no reason" : text;
}
