/** One thing that sandboxes need or can use, and whether it works here. */
export interface Capability {
  name: string;
  ok: boolean;
  /** Without it no session can start; the others only add to what a session can do. */
  required: boolean;
  detail: string;
  /** What to do about it. Absent when there is nothing to do. */
  remedy?: string;
}
