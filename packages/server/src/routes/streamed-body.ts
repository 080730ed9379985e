/** Requests whose body is passed on as it arrives, however large: nothing that keeps or measures whole bodies may touch them. */
const streamed = [/^\/v1\/sessions\/[^/]+\/upload$/, /^\/s\/[^/]+\/forward\/\d+(\/|$)/];

export function hasStreamedBody(path: string): boolean {
  return streamed.some((pattern) => pattern.test(path));
}
