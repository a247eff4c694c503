import type { Majors } from "./majors.ts";

/** Test files whose result does not depend on the SDK, or not on Node: there they run on the current one alone. */
interface LeftOut {
  readonly files: string;
  readonly everySdk: boolean;
  readonly everyNode: boolean;
  /** False if the result depends on both, but on each by itself: they do not run where both are others. Default: true. */
  readonly everyPair?: boolean;
  readonly reason: string;
}

/** What `npm test` runs. */
export const CURRENT: Majors = { sdk: 3, node: 24 };

/** The one list of them. */
export const leftOut: readonly LeftOut[] = [
  {
    files: "test/project/**",
    everySdk: false,
    everyNode: false,
    reason: "They compare files of the repository, which are the same in each set.",
  },
  {
    files: "test/unit/{assignment,baggage,checks,fields,override,policy}/**",
    everySdk: false,
    everyNode: true,
    reason: "These folders of src use OpenTelemetry's API alone, and no SDK.",
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
    files: "test/system/package/declarations.test.ts",
    everySdk: false,
    everyNode: false,
    reason: "TypeScript compiles the same on each Node.",
  },
  {
    files: "test/outbound/odd-arguments.test.ts",
    everySdk: false,
    everyNode: false,
    reason:
      "Node 22 writes nothing over node:http, and the built-in fetch of 22 and 26 forgets a Request's referrer when a wrapped call adds headers. The README says both.",
  },
  {
    files: "test/outbound/odd-dispatch.test.ts",
    everySdk: false,
    everyNode: false,
    reason: "It compares undici's packages with themselves, and they are the same on each Node.",
  },
  {
    files: "test/outbound/{caches,stop-odd-headers,targets}.test.ts",
    everySdk: false,
    everyNode: true,
    reason: "They are about Node's and undici's own behaviour, and use no SDK.",
  },
  {
    files: "test/{inbound/first-contacts,inbound/sticky-visitors,system/first-hour/*,system/migrating/*}.test.ts",
    everySdk: false,
    everyNode: true,
    reason: "Cookies and messages do not depend on the line of the SDK.",
  },
  {
    files: "test/outbound/stop/**",
    everySdk: false,
    everyNode: true,
    reason: "The stop listens on channels of Node and undici, and knows no SDK.",
  },
  {
    files: "test/outbound/stop/*{undici,http}-{before,after}.test.ts",
    everySdk: false,
    everyNode: false,
    reason: "In which order two packages wrap a function does not depend on Node. both-twice has both orders on each.",
  },
  {
    files: "test/{carriers,openfeature,outbound,system/bound}/**",
    everySdk: true,
    everyNode: true,
    everyPair: false,
    reason:
      "The async context and the clients are Node's; how a span or a measurement gets its attributes is the SDK's. test/{inbound,register,sdk} have both on each pair.",
  },
  {
    files: "test/outbound/pooled/{pooled,outgoing-pooled,outgoing-built-in,inside-repeaters}.test.ts",
    everySdk: false,
    everyNode: true,
    reason:
      "They count what leaves through pools of Node and undici. outgoing-telemetry has the same load with an SDK.",
  },
  {
    files: "test/system/cost/**",
    everySdk: false,
    everyNode: false,
    reason: "Its bounds are for the V8 of the pinned Node.",
  },
  {
    files: "test/system/interleaving.test.ts",
    everySdk: false,
    everyNode: true,
    reason: "It runs without an SDK.",
  },
  {
    files: "test/system/signals/**",
    everySdk: true,
    everyNode: false,
    reason: "The signals depend on the line of the SDK and on its instrumentations, which do the same on each Node.",
  },
  {
    files: "test/register/{settings,start}.test.ts",
    everySdk: true,
    everyNode: false,
    reason: "They are about the variables. launches.test.ts has each way to start a process, on each Node.",
  },
  {
    files: "test/{sdk,system}/series.test.ts",
    everySdk: true,
    everyNode: false,
    reason: "They count the series that the SDK keeps.",
  },
  {
    files: "test/report/**",
    everySdk: false,
    everyNode: false,
    reason: "The report is a program of its own, without an SDK; it runs on the pinned Node.",
  },
  {
    files: "test/checkout/**",
    everySdk: false,
    everyNode: false,
    reason: "The example runs on the pinned Node with the project's own packages.",
  },
];

/** The files that do not run on one set. */
export function leftOutOn({ sdk, node }: Majors): readonly string[] {
  return leftOut
    .filter(({ everySdk, everyNode, everyPair = true }) => {
      const [otherSdk, otherNode] = [sdk !== CURRENT.sdk, node !== CURRENT.node];
      return (!everySdk && otherSdk) || (!everyNode && otherNode) || (!everyPair && otherSdk && otherNode);
    })
    .map(({ files }) => files);
}
