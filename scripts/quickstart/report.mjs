import { styleText } from "node:util";

const widthMax = 78;

/** Prints the story: a numbered line with its time for each step, and what was typed and seen below it. */
export function createReport(stream) {
  const inColour = stream.isTTY && !process.env.NO_COLOR;
  const paint = (style, text) => (inColour ? styleText(style, text) : text);
  let number = 0;
  let current;
  return {
    title(text) {
      stream.write(`\n${paint("bold", text)}\n\n`);
    },
    /** Runs `work`, which may `say` lines. Its failure is given the step's name. */
    async step(name, work) {
      number += 1;
      current = `${String(number).padStart(2)}  ${name}`;
      const said = [];
      const startedMs = performance.now();
      stream.write(paint("bold", current));
      try {
        const result = await work((line) => said.push(line));
        const time = formatTime(performance.now() - startedMs);
        stream.write(time.padStart(Math.max(time.length + 2, widthMax - current.length)) + "\n");
        for (const line of said) stream.write(`    ${line.startsWith("$") ? paint("cyan", line) : line}\n`);
        current = undefined;
        return result;
      } catch (error) {
        stream.write("  failed\n");
        for (const line of said) stream.write(`    ${line}\n`);
        error.message = `step ${number} (${name}): ${error.message}`;
        throw error;
      }
    },
    fail(message, hint) {
      stream.write(`\n${paint("red", "quickstart failed")}: ${message}\n`);
      if (hint) stream.write(`${hint.trim()}\n`);
    },
    end(durationMs, lines) {
      stream.write(`\n${paint("green", `All ${number} steps passed`)} in ${formatTime(durationMs)}.\n\n`);
      for (const line of lines) stream.write(`${line}\n`);
    },
  };
}

function formatTime(ms) {
  return ms < 999.5 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}
