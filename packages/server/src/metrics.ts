/** Counts since the start, in the text format that Prometheus reads. */
export class Metrics {
  readonly #requests = new Map<string, number>();
  readonly #startedAtMs = Date.now();

  countRequest(method: string, status: number): void {
    const key = `method="${method}",status="${status}"`;
    this.#requests.set(key, (this.#requests.get(key) ?? 0) + 1);
  }

  render(gauges: { activeSessions: number; execs: number }): string {
    const requests = [...this.#requests].map(
      ([labels, count]) => `chaser_http_requests_total{${labels}} ${count}`,
    );
    return [
      ...describe("chaser_http_requests_total", "counter", "Answered requests."),
      ...requests,
      ...describe("chaser_execs_total", "counter", "Commands that have finished."),
      `chaser_execs_total ${gauges.execs}`,
      ...describe("chaser_sessions_active", "gauge", "Running sandbox sessions."),
      `chaser_sessions_active ${gauges.activeSessions}`,
      ...describe("chaser_uptime_seconds", "gauge", "Time since the server started."),
      `chaser_uptime_seconds ${Math.round((Date.now() - this.#startedAtMs) / 1000)}`,
      ...describe("process_resident_memory_bytes", "gauge", "Memory of the server process."),
      `process_resident_memory_bytes ${process.memoryUsage.rss()}`,
      "",
    ].join("\n");
  }
}

function describe(name: string, type: string, help: string): string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`];
}
