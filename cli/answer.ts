/** What a command prints on stdout, and whether its answer is a yes: the exit code is then 0, else 1. */
export interface Answer {
  readonly text: string;
  readonly isYes: boolean;
}
