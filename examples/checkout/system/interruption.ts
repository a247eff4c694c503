/** The user ends the command. The exit code is a shell's for a signal: 128 plus its number. */
export class Interruption extends Error {
  readonly exitCode: number;

  constructor(signal: "SIGINT" | "SIGTERM", exitCode: number) {
    super(`Stopped by ${signal}, and every process with it.`);
    this.exitCode = exitCode;
  }
}
