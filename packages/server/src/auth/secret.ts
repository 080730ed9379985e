import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

const secretPattern = /^sk_[A-Za-z0-9_-]{32,128}$/;
const shownCharacters = 10;

/** A new secret: 256 random bits behind `sk_`. */
export function generateSecret(): string {
  return "sk_" + randomBytes(32).toString("base64url");
}

/** Whether a text may serve as a secret: `sk_` and 32 to 128 characters of `A-Z a-z 0-9 _ -`. */
export function isSecret(text: string): boolean {
  return secretPattern.test(text);
}

/** A fast hash suffices: the secret is random and long, so there is nothing to guess. */
export function hashSecret(secret: string): string {
  return createHash("sha256").update(secret).digest("hex");
}

export function equalHashes(a: string, b: string): boolean {
  const left = Buffer.from(a, "hex");
  const right = Buffer.from(b, "hex");
  return left.length === right.length && timingSafeEqual(left, right);
}

/** What may be shown of a secret, to recognise it by. */
export function secretPrefix(secret: string): string {
  return secret.slice(0, shownCharacters);
}

/** The secret of an `Authorization` header, or null when there is none of the right form. */
export function bearerSecret(header: string | undefined): string | null {
  const match = /^Bearer +(\S+)$/i.exec(header ?? "");
  const secret = match?.[1];
  return secret !== undefined && isSecret(secret) ? secret : null;
}
