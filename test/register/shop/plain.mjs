// A process with nothing of OpenTelemetry in it: what register leaves behind is asked here.
import { channel } from "node:diagnostics_channel";

const channels = ["undici:request:create", "http.client.request.created", "http.client.request.start"];
const left = JSON.stringify({
  subscribed: channels.filter((name) => channel(name).hasSubscribers),
  listeners: process.eventNames().map((name) => [String(name), process.listenerCount(name)]),
  resources: process.getActiveResourcesInfo(),
  enumerable: Object.getOwnPropertySymbols(globalThis)
    .filter((name) => Object.getOwnPropertyDescriptor(globalThis, name)?.enumerable === true)
    .map(String),
});
process.stdout.write(left);
