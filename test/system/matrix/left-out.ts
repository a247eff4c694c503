import type { Majors } from "./majors.ts";

/** Test files whose result does not depend on the SDK, or not on Node: there they run on the current one alone. */
interface LeftOut {
  readonly files: string;
  readonly everySdk: boolean;
  readonly everyNode: boolean;
  readonly reason: string;
}

/** What `npm test` runs. */
export const CURRENT: Majors = { sdk: 3, node: 24 };

/** The one list of them. */
const leftOut: readonly LeftOut[] = [
  {
    files: "test/project/**",
    everySdk: false,
    everyNode: false,
    reason: "They compare files of the repository, which are the same in each set.",
  },
  {
    files: "test/unit/baggage/**",
    everySdk: false,
    everyNode: true,
    reason: "The codec imports nothing of OpenTelemetry's.",
  },
  {
    files: "test/system/package/**",
    everySdk: false,
    everyNode: true,
    reason: "The tarball, its exports and its types are checked; they come from the same build.",
  },
  {
    files: "test/system/cli/**",
    everySdk: false,
    everyNode: true,
    reason: "The commands use OpenTelemetry's API alone, and no SDK.",
  },
  {
    files: "test/system/examples/**",
    everySdk: true,
    everyNode: false,
    reason: "`npm start` runs the shop on the pinned Node alone.",
  },
];

/** The files that do not run on one set. */
export function leftOutOn({ sdk, node }: Majors): readonly string[] {
  return leftOut
    .filter(({ everySdk, everyNode }) => (!everySdk && sdk !== CURRENT.sdk) || (!everyNode && node !== CURRENT.node))
    .map(({ files }) => files);
}
