/** Tells on stderr how far the command is. Stdout is for the summary. */
export class Progress {
  readonly #stream: NodeJS.WriteStream = process.stderr;
  #tenth = 0;

  say(text: string): void {
    this.#stream.write(`${text}\n`);
  }

  /** On a terminal one line is rewritten; elsewhere there is one line per tenth. */
  count(what: string, done: number, all: number): void {
    const text = `${what}: ${done} of ${all}`;
    // Some terminals say that they have no columns; nothing can be rewritten there.
    if (this.#stream.isTTY && this.#stream.columns > text.length) {
      this.#stream.write(`\r${text}${done === all ? "\n" : ""}`);
      return;
    }
    const tenth = Math.floor((10 * done) / all);
    if (tenth === this.#tenth) return;
    this.#tenth = tenth;
    this.say(text);
  }
}
