import type { InstrumentationName } from "../../support/client-instrumentations.ts";

/** Which of OpenTelemetry's instrumentations are on, and whether they were before we were. */
export interface SetUp {
  readonly name: string;
  readonly before: readonly InstrumentationName[];
  readonly after: readonly InstrumentationName[];
  /** Whether every client writes, and not the wrapped ones alone. */
  readonly outgoing: boolean;
  /** How many pairs of a client and a destination are tested: one that gets lost fails the set-up. */
  readonly cases: { readonly trusting: number; readonly wary: number };
}

/** Each set-up has a test file of its own, because instrumentations and the stop belong to a process. */
export const setUps = {
  none: setUp("no instrumentation", [], [], { trusting: 3079, wary: 142 }),
  undiciBefore: setUp("instrumentation-undici before us", ["undici"], [], { trusting: 814, wary: 142 }),
  undiciAfter: setUp("instrumentation-undici after us", [], ["undici"], { trusting: 814, wary: 142 }),
  httpBefore: setUp("instrumentation-http before us", ["http"], [], { trusting: 342, wary: 134 }),
  httpAfter: setUp("instrumentation-http after us", [], ["http"], { trusting: 342, wary: 134 }),
  bothTwice: setUp("both instrumentations, before us and after us", ["undici", "http"], ["undici", "http"], {
    trusting: 1014,
    wary: 134,
  }),
} as const satisfies Readonly<Record<string, SetUp>>;

/** The same, where `instrumentOutgoing` lets every client write. A wrapped client is then as it is among others. */
export const outgoingSetUps = {
  none: outgoing(setUps.none, { trusting: 1540, wary: 142 }),
  undiciBefore: outgoing(setUps.undiciBefore, { trusting: 420, wary: 142 }),
  undiciAfter: outgoing(setUps.undiciAfter, { trusting: 420, wary: 142 }),
  httpBefore: outgoing(setUps.httpBefore, { trusting: 272, wary: 134 }),
  httpAfter: outgoing(setUps.httpAfter, { trusting: 272, wary: 134 }),
  bothTwice: outgoing(setUps.bothTwice, { trusting: 550, wary: 134 }),
} as const satisfies Readonly<Record<string, SetUp>>;

function setUp(name: string, before: SetUp["before"], after: SetUp["after"], cases: SetUp["cases"]): SetUp {
  return { name, before, after, outgoing: false, cases };
}

function outgoing({ name, before, after }: SetUp, cases: SetUp["cases"]): SetUp {
  return { name: `${name}, and every client writes`, before, after, outgoing: true, cases };
}
