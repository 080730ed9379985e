/** One event of a `text/event-stream`. */
export interface StreamEvent {
  /** `message` when the stream names none. */
  event: string;
  data: string;
  /** The last id seen on the stream, this event's own included. */
  id: string;
}

/** An event longer than this is a fault or an attack, and must not fill the memory. */
export const eventCharactersMax = 16 * 1024 * 1024;

export interface EventParser {
  /** Takes the next piece of the stream, cut anywhere, and gives the events that it completes. */
  push(piece: string): StreamEvent[];
}

/** A parser of server-sent events as the HTML standard defines them (section 9.2.6, "Interpreting an event stream"). */
export function createEventParser(): EventParser {
  let rest = "";
  let skipLineFeed = false;
  let atStart = true;
  let event = "";
  let data: string[] = [];
  let dataCharacters = 0;
  let id = "";

  function take(line: string): StreamEvent | null {
    if (line === "") {
      const complete = data.length > 0 ? { event: event || "message", data: data.join("\n"), id } : null;
      event = "";
      data = [];
      dataCharacters = 0;
      return complete;
    }
    const colon = line.indexOf(":");
    const field = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (field === "event") event = value;
    else if (field === "id" && !value.includes("\0")) id = value;
    else if (field === "data") {
      data.push(value);
      dataCharacters += value.length;
    }
    return null;
  }

  return {
    push(piece) {
      const events: StreamEvent[] = [];
      let text = rest + piece;
      if (atStart && text.length > 0) {
        if (text.startsWith("\ufeff")) text = text.slice(1);
        atStart = false;
      }
      // A CR that ended the last piece may be the first half of a CR LF.
      if (skipLineFeed && text.length > 0) {
        if (text.startsWith("\n")) text = text.slice(1);
        skipLineFeed = false;
      }
      let from = 0;
      for (const end of text.matchAll(/\r\n|\n|\r/g)) {
        const complete = take(text.slice(from, end.index));
        if (complete !== null) events.push(complete);
        from = end.index + end[0].length;
        if (end[0] === "\r" && from === text.length) skipLineFeed = true;
      }
      rest = text.slice(from);
      if (rest.length + dataCharacters > eventCharactersMax) throw new RangeError("event too long");
      return events;
    },
  };
}
