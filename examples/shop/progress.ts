/** Reports progress on stderr. Stdout is for the report only. */
export class Progress {
  readonly #stream: NodeJS.WriteStream = process.stderr;
  #quarter = 0;

  say(text: string): void {
    this.#stream.write(`${text}\n`);
  }

  /** On a terminal one line is rewritten; elsewhere there is one line per quarter. */
  count(what: string, done: number, all: number): void {
    if (this.#stream.isTTY) {
      this.#stream.write(`\r${what}: ${done} of ${all}${done === all ? "\n" : ""}`);
      return;
    }
    const quarter = Math.floor((4 * done) / all);
    if (quarter === this.#quarter) return;
    this.#quarter = quarter;
    this.say(`${what}: ${done} of ${all}`);
  }
}
