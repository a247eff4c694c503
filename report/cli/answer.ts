/** What a command writes on each stream, and the exit code. */
export interface Answer {
  readonly text: string;
  readonly complaints: string;
  readonly exitCode: number;
}
