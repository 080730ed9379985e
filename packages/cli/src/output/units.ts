const byteUnits = ["B", "kB", "MB", "GB", "TB", "PB"];

/** A size with three significant digits. Units are decimal: 1 GB is 10^9 bytes. */
export function formatBytes(bytes: number): string {
  let value = Math.abs(bytes);
  let unit = 0;
  // 999.5 of a unit would round up to a four-digit number, so it already belongs to the next unit.
  while (value >= (unit === 0 ? 1000 : 999.5) && unit < byteUnits.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${bytes < 0 ? "-" : ""}${value.toFixed(digits)} ${byteUnits[unit]}`;
}

/** A duration as people say it: `850 ms`, `12.3 s`, `4 min 05 s`, `2 h 03 min`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 59_950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${pad(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${Math.floor(minutes / 60)} h ${pad(minutes % 60)} min`;
}

/** A count with thousands separated: `80,000`. */
export function formatCount(count: number): string {
  return Math.round(count)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, ",");
}

/** `3 files`, `1 file`. */
export function plural(count: number, singular: string, several = singular + "s"): string {
  return `${formatCount(count)} ${count === 1 ? singular : several}`;
}

/** A time in the zone of the reader, to the second. Takes RFC 3339 text or milliseconds; `-` for none. */
export function formatTime(time: string | number | null | undefined): string {
  if (time === null || time === undefined) return "-";
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return "-";
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day} ${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

function pad(value: number): string {
  return value.toString().padStart(2, "0");
}
