import { createInterface } from "node:readline";
import type { Readable } from "node:stream";

const KEPT = 12;

/** A line of a stack, of which an error can have more than are kept. The error's message stands above them. */
const FRAME = /^ {4}at /;

/** The last lines that a process has written, for the message if it ends by itself. */
export class LastLines {
  readonly #lines: string[] = [];
  onLine: (line: string) => void = () => undefined;

  constructor(stream: Readable | null) {
    if (stream === null) return;
    createInterface({ input: stream }).on("line", (line) => {
      this.onLine(line);
      if (FRAME.test(line)) return;
      this.#lines.push(line);
      if (this.#lines.length > KEPT) this.#lines.shift();
    });
  }

  get text(): string {
    return this.#lines.map((line) => `  ${line}`).join("\n");
  }
}
