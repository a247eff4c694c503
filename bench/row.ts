/** One line of the result. */
export interface Row {
  readonly name: string;
  readonly figure: string;
  readonly bound: string;
  readonly holds: boolean;
}

/** Nanoseconds in readable form. */
export function ns(value: number): string {
  return `${Math.round(value)} ns`;
}
