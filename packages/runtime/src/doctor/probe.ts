export interface Capability {
  name: string;
  ok: boolean;
  detail: string;
  remedy?: string;
}

export function probe(): Promise<Capability[]> {
  return Promise.resolve([]);
}
