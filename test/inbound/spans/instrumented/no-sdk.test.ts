import { newestHarnesses } from "../../../support/frameworks/all.ts";
import { describeWithoutServerSpan } from "../server-span-cases.ts";

const harnesses = newestHarnesses().map((each) => ({ ...each, name: `${each.name}, no SDK` }));

describeWithoutServerSpan(harnesses.map((harness) => ({ harness, active: "none", rpcMetadata: "none" })));
