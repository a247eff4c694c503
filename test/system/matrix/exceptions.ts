/** A test that cannot hold on a line of OpenTelemetry's SDK, or on a Node. It is run, and has to fail there. */
export interface Exception {
  /** That with which the test's title begins. */
  readonly id: string;
  /** The major version of the SDK; without it, of each. */
  readonly sdk?: number;
  /** The major version of Node; without it, of each. */
  readonly node?: number;
  readonly reason: string;
}

/** The one list of them. Where a test of the list passes, the run fails: then its entry can go. */
const exceptions: readonly Exception[] = [
  { id: "EV-10", sdk: 2, reason: "It has both logs APIs beside each other, and SDK 2 has one." },
];

/** Those that count for one set, by the id of their test. */
export function exceptionsOf(sdk: number, node: number): ReadonlyMap<string, Exception> {
  const here = exceptions.filter((one) => (one.sdk ?? sdk) === sdk && (one.node ?? node) === node);
  return new Map(here.map((one) => [one.id, one]));
}

/** The id with which a test's title begins. */
export function idOf(title: string): string {
  return title.slice(0, title.indexOf(" "));
}
